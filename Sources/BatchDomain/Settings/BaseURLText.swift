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
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else {
      throw refuse("has characters that no address has")
    }
    let lowered = text.lowercased()
    let isSecure = lowered.hasPrefix("https://")
    guard isSecure || lowered.hasPrefix("http://") else { throw refuse("does not begin with https://") }
    let rest = text.dropFirst(isSecure ? 8 : 7)
    guard !rest.contains("@") else { throw refuse("has a user name or password in it") }
    guard !rest.contains("?"), !rest.contains("#") else { throw refuse("has a query or a fragment") }
    let authority = rest.prefix { $0 != "/" }
    var path = rest[authority.endIndex...]
    while path.hasSuffix("/") { path.removeLast() }
    guard let (host, port) = split(authority.lowercased()) else { throw refuse("has no valid host and port") }
    guard
      path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        .allSatisfy({ !["", ".", ".."].contains($0) })
    else { throw refuse("has a path with empty or dotted parts") }
    guard isSecure || isLoopback(host) else {
      throw refuse("is http to another machine, which would show the API key to everyone between")
    }
    let shownPort = port == nil || port == (isSecure ? 443 : 80) ? "" : ":\(port ?? 0)"
    let origin = (isSecure ? "https://" : "http://") + host + shownPort
    if let (before, version) = splitAtVersion(path) {
      // Nothing in this part of the address can be a secret any more.
      throw ConfigurationError(
        .badValue,
        "\(thing) has the version \(version) in it, which this program adds by itself",
        remedy: "give \(origin)\(before), and the version with --profile")
    }
    return origin + path
  }

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

  /// Whether the host is this machine whatever a name server says.
  private static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "[::1]" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127"
      && parts.allSatisfy { WholeNumberText.number($0).map { $0 <= 255 } ?? false }
  }

  private static func split(_ authority: String) -> (host: String, port: Int?)? {
    var host = authority[...]
    var port: Int?
    let hostEnd = authority.lastIndex(of: "]") ?? authority.startIndex
    if let colon = authority[hostEnd...].firstIndex(of: ":") {
      guard let number = WholeNumberText.number(authority[authority.index(after: colon)...]) else {
        return nil
      }
      guard (1...65_535).contains(number) else { return nil }
      port = number
      host = authority[..<colon]
    }
    let isValid = host.hasPrefix("[") ? isAddress6(host) : isName(host)
    return isValid ? (String(host), port) : nil
  }

  private static func isAddress6(_ host: Substring) -> Bool {
    guard host.hasSuffix("]"), host.count > 3 else { return false }
    return host.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
  }

  private static func isName(_ host: Substring) -> Bool {
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    return labels.allSatisfy { label in
      !label.isEmpty && label.count <= 63 && label.first != "-" && label.last != "-"
        && label.allSatisfy { ($0.isASCII && ($0.isLetter || $0.isNumber)) || $0 == "-" || $0 == "_" }
    }
  }
}
