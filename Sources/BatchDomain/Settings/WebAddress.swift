/// An address of http or https taken apart and checked: what every address that this program asks has to be.
///
/// The one place for what an address is, which hosts are this machine, and which spellings are one service.
package struct WebAddress: Sendable, Equatable {
  /// What is wrong with an address: words that follow the name of the setting and never repeat the address, which may
  /// have a secret in it, for example `does not begin with https://`.
  package struct Refusal: Error, Sendable, Equatable {
    /// The words.
    package let reason: String
  }

  /// Whether the scheme is `https`.
  package let isEncrypted: Bool
  /// The host in lower case; an IPv6 address in brackets.
  package let host: String
  /// The port as it is written; `nil` where it is left out.
  package let port: Int?
  /// What follows host and port, as it is written.
  package let rest: Substring

  /// Takes an address apart: https, or http to this machine; no user, no fragment, no white space.
  package init(_ text: String) throws(Refusal) {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }), !text.isEmpty else {
      throw Refusal(reason: "is empty or has characters that no address has")
    }
    let lowered = text.lowercased()
    isEncrypted = lowered.hasPrefix("https://")
    guard isEncrypted || lowered.hasPrefix("http://") else {
      throw Refusal(reason: "does not begin with https://")
    }
    let afterScheme = text.dropFirst(isEncrypted ? 8 : 7)
    let authority = afterScheme.prefix { !"/?#".contains($0) }
    rest = afterScheme[authority.endIndex...]
    guard !authority.contains("@") else { throw Refusal(reason: "has a user name or password in it") }
    guard !rest.contains("#") else { throw Refusal(reason: "has a fragment, which is not sent") }
    guard let (host, port) = Self.split(authority.lowercased()[...]) else {
      throw Refusal(reason: "has no valid host and port")
    }
    self.host = host
    self.port = port
    guard isEncrypted || isThisMachine else {
      throw Refusal(reason: "is http to another machine, which would show it to everyone between")
    }
  }

  /// Scheme, host, and the port unless it is the scheme's own.
  package var origin: String {
    let isOwn = port == nil || port == (isEncrypted ? 443 : 80)
    return (isEncrypted ? "https://" : "http://") + host + (isOwn ? "" : ":\(port ?? 0)")
  }

  /// Whether the host is this machine whatever a name server says.
  package var isThisMachine: Bool { Self.isThisMachine(host) }

  /// Whether a host in lower case, with or without brackets, is this machine whatever a name server says: 127.0.0.0/8 in
  /// four parts, `::1`, `localhost`.
  package static func isThisMachine(_ host: String) -> Bool {
    let host = host.filter { $0 != "[" && $0 != "]" }
    if ["localhost", "::1", "0:0:0:0:0:0:0:1"].contains(host) { return true }
    return host.hasPrefix("127.") && isIPv4(host[...])
  }

  /// Whether a host without brackets is an address and no name.
  package static func isNumeric(_ host: String) -> Bool { isIPv4(host[...]) || isIPv6(host[...]) }

  /// Host and port of an authority without user; the host of an IPv6 address keeps its brackets.
  package static func split(_ authority: Substring) -> (host: String, port: Int?)? {
    let hostEnd = authority.lastIndex(of: "]").map { authority.index(after: $0) } ?? authority.startIndex
    let colon = authority[hostEnd...].firstIndex(of: ":")
    let host = authority[..<(colon ?? authority.endIndex)]
    guard host.hasPrefix("[") ? host.hasSuffix("]") && isIPv6(host.dropFirst().dropLast()) : isName(host)
    else { return nil }
    guard let colon else { return (String(host), nil) }
    guard let port = WholeNumberText.number(authority[authority.index(after: colon)...]),
      (1...65_535).contains(port)
    else { return nil }
    return (String(host), port)
  }

  private static func isName(_ host: Substring) -> Bool {
    host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      !label.isEmpty && label.utf8.count <= 63 && label.first != "-" && label.last != "-"
        && label.allSatisfy { ($0.isASCII && ($0.isLetter || $0.isNumber)) || $0 == "-" || $0 == "_" }
    }
  }

  private static func isIPv4(_ host: Substring) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { WholeNumberText.number($0).map { $0 <= 255 } ?? false }
  }

  /// RFC 4291, section 2.2: eight groups of up to four hexadecimal digits, one row of zeros as `::`, and perhaps an IPv4
  /// address in the place of the last two groups.
  private static func isIPv6(_ host: Substring) -> Bool {
    let halves = host.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
    guard halves.count <= 2 else { return false }
    var groups = 0
    for (place, half) in halves.enumerated() where !half.isEmpty {
      let parts = half.split(separator: ":", omittingEmptySubsequences: false)
      for (number, part) in parts.enumerated() {
        if place == halves.count - 1, number == parts.count - 1, isIPv4(part) {
          groups += 2
        } else {
          guard (1...4).contains(part.count), part.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            return false
          }
          groups += 1
        }
      }
    }
    return halves.count == 2 ? groups <= 7 : groups == 8
  }
}

/// Which service an address leads to, whatever way it is written.
///
/// The one rule for all that is kept by service: whether a manifest was submitted there before, rates, the waits it asks
/// for, and the items it accepted. Scheme and host have no case, the port of the scheme may be left out, and this
/// machine has three usual names: `localhost`, `127.0.0.1` and `[::1]`. Addresses that an older version stored are read as
/// they are.
package enum Origin {
  /// An address in its one form: scheme and host in lower case, `localhost` for this machine, no default port; the path
  /// as it is. What is no address is left as it is.
  package static func canonical(_ address: String) -> String {
    let (origin, path) = parts(address)
    return origin + path
  }

  /// Scheme, host and port of an address in their one form.
  package static func of(_ address: String) -> String { parts(address).origin }

  /// Names of this machine that every system has.
  private static let loopback: Set<String> = ["127.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]", "localhost"]

  private static func parts(_ address: String) -> (origin: String, path: Substring) {
    guard let mark = address.firstRange(of: "://") else { return (address, "") }
    let scheme = address[..<mark.lowerBound].lowercased()
    let rest = address[mark.upperBound...]
    let end = rest.firstIndex(of: "/") ?? rest.endIndex
    guard let (host, port) = WebAddress.split(rest[..<end].lowercased()[...]) else {
      return ("\(scheme)://\(rest[..<end].lowercased())", rest[end...])
    }
    let name = loopback.contains(host) ? "localhost" : host
    let isOwn = port == nil || port == (scheme == "https" ? 443 : 80)
    return ("\(scheme)://\(name)" + (isOwn ? "" : ":\(port ?? 0)"), rest[end...])
  }
}

/// The address of the service as options and job files have it, brought to one form.
package enum BaseURLText {
  private static let remedy: Remedy =
    "give an address such as https://api.twelvelabs.io, or http://127.0.0.1:PORT for a local stand-in"

  /// Reads an address: https, or http to this machine; no user, no query, no fragment, and no version at its end, which
  /// is a setting of its own.
  ///
  /// The result has scheme and host in lower case, no default port and no slash at its end, so that two ways
  /// to write one address are one destination.
  ///
  /// - Parameter thing: what the value is of, for messages, for example `--base-url`.
  /// - Throws: ``ConfigurationError`` with code `bad_value`; the message never repeats the address, which may
  ///   have a password in it.
  package static func parse(_ text: String, for thing: String) throws(ConfigurationError) -> String {
    func refuse(_ why: String) -> ConfigurationError {
      ConfigurationError(.badValue, "\(thing) \(why)", remedy: remedy)
    }
    let address: WebAddress
    do {
      address = try WebAddress(text)
    } catch {
      throw refuse(error.reason)
    }
    guard !address.rest.contains("?") else { throw refuse("has a query") }
    guard !address.rest.utf8.contains(where: { forbidden.contains($0) }) else {
      throw refuse("has characters that no address has")
    }
    var path = address.rest
    while path.hasSuffix("/") { path.removeLast() }
    guard
      path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        .allSatisfy({ !["", ".", ".."].contains($0) })
    else { throw refuse("has a path with empty or dotted parts") }
    if let (before, version) = splitAtVersion(path) {
      // Nothing in this part of the address can be a secret any more.
      throw ConfigurationError(
        .badValue,
        "\(thing) has the version \(version) in it, which this program adds by itself",
        remedy: "give \(address.origin)\(before), and the version with --profile")
    }
    return address.origin + path
  }

  /// Printable characters that RFC 3986 has no place for.
  private static let forbidden = Set("\"<>^`{|}".utf8)

  /// Collections of the service that come after its version in an address.
  private static let collections: Set<Substring> = ["tasks", "indexes", "assets"]

  /// The part of a path before a version of the service, such as `/v1.2` at its end or in `/v1/indexes/tasks`, and that
  /// version; `nil` when there is none. A version elsewhere belongs to whatever is between.
  private static func splitAtVersion(_ path: Substring) -> (before: Substring, version: Substring)? {
    let parts = path.split(separator: "/")
    for (place, part) in parts.enumerated() where part.wholeMatch(of: /[vV][0-9]+(\.[0-9]+)*/) != nil {
      guard place + 1 == parts.count || collections.contains(parts[place + 1]) else { continue }
      return (path[..<path.index(before: part.startIndex)], part)
    }
    return nil
  }
}
