internal import BatchDomain
internal import NIOCore

/// The address of the service as `--base-url` gives it, checked: `https`, or `http` to this machine only, so
/// that the key never travels in the clear.
package struct ServiceAddress: Sendable, Hashable, CustomStringConvertible {
  /// Scheme, host, port unless it is the scheme's own, and path without a trailing slash; scheme and host in
  /// lower case. For example `https://api.twelvelabs.io`.
  package let baseURL: String

  /// Checks an address.
  ///
  /// - Throws: ``ServiceHTTPError`` with code `base_url_invalid`.
  package init(_ text: String) throws(ServiceHTTPError) {
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !Self.forbidden.contains($0) }) else {
      throw Self.invalid("has a space or a character that cannot stand in an address")
    }
    guard !text.contains("?"), !text.contains("#") else {
      throw Self.invalid("has a query or a fragment")
    }
    guard let mark = text.firstRange(of: "://") else { throw Self.invalid("has no scheme") }
    let scheme = text[..<mark.lowerBound].lowercased()
    guard scheme == "https" || scheme == "http" else {
      throw Self.invalid("has a scheme other than https and http")
    }
    let rest = text[mark.upperBound...]
    let authority = rest[..<(rest.firstIndex(of: "/") ?? rest.endIndex)]
    guard !authority.contains("@") else { throw Self.invalid("has a user name or password in it") }
    let (host, port) = try Self.split(authority)
    guard scheme == "https" || ServiceOrigin.isLoopback(host.filter { $0 != "[" && $0 != "]" }) else {
      throw Self.invalid("would send the key unencrypted: http is for this machine only")
    }
    let ownPort = scheme == "https" ? 443 : 80
    var path = rest[authority.endIndex...]
    while path.last == "/" { path.removeLast() }
    baseURL = "\(scheme)://\(host)" + (port.map { $0 == ownPort ? "" : ":\($0)" } ?? "") + path
  }

  /// The checked address.
  package var description: String { baseURL }

  /// Printable characters that RFC 3986 has no place for.
  private static let forbidden = Set("\"<>\\^`{|}".utf8)

  private static func split(_ authority: Substring) throws(ServiceHTTPError) -> (String, Int?) {
    var host = authority
    var digits: Substring?
    if authority.first == "[" {
      guard let close = authority.firstIndex(of: "]") else { throw invalid("has no valid host") }
      host = authority[...close]
      let after = authority[authority.index(after: close)...]
      guard after.isEmpty || after.first == ":" else { throw invalid("has no valid host") }
      digits = after.isEmpty ? nil : after.dropFirst()
      guard isIPv6Address(String(host.dropFirst().dropLast())) else { throw invalid("has no valid host") }
    } else {
      if let colon = authority.firstIndex(of: ":") {
        host = authority[..<colon]
        digits = authority[authority.index(after: colon)...]
      }
      guard !host.isEmpty, host.utf8.allSatisfy(isHostByte) else { throw invalid("has no valid host") }
    }
    guard let digits else { return (host.lowercased(), nil) }
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits),
      (1...65_535).contains(port)
    else { throw invalid("has a port that is not a number from 1 to 65535") }
    return (host.lowercased(), port)
  }

  /// Whether a byte can stand in the name of a host.
  static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// Whether a text is an IPv6 address, without brackets.
  static func isIPv6Address(_ text: String) -> Bool { family(of: text) == .inet6 }

  /// Whether a text is an address and no name, without brackets.
  static func isAddress(_ text: String) -> Bool { family(of: text) != nil }

  private static func family(of text: String) -> NIOBSDSocket.ProtocolFamily? {
    do {
      return try SocketAddress(ipAddress: text, port: 0).protocol
    } catch {
      return nil
    }
  }

  private static func invalid(_ what: String) -> ServiceHTTPError {
    ServiceHTTPError(
      .baseURLInvalid, "the service's address \(what)",
      remedy: "give --base-url as https://host, or as http://127.0.0.1:port for a stand-in on this machine")
  }
}
