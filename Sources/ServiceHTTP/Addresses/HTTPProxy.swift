internal import BatchDomain
internal import NIOCore

/// An HTTP proxy that connections to the service are tunnelled through (`CONNECT`, RFC 9110 section 9.3.6), as
/// `HTTPS_PROXY` names it.
struct HTTPProxy: Sendable {
  /// A user name and a password for the proxy alone.
  struct Credentials: Sendable {
    /// The user name; without a colon (RFC 7617 section 2).
    let user: String
    /// The password; may be empty.
    let password: String
  }

  /// Name or address; an IPv6 address without its brackets.
  let host: String
  /// Port.
  let port: Int
  /// What the proxy wants to see, in header `Proxy-Authorization`.
  let credentials: Credentials?

  /// Shortest password that is looked for in texts: a shorter one would take single letters out of words. With its
  /// user name it is found at any length.
  static let shortestSecret = 4

  /// Reads `[http://][user[:password]@]host[:port][/]`; user and password may be percent-encoded, the port is 80
  /// where there is none.
  ///
  /// - Parameter variable: where the text comes from, for the error, which never repeats the text: it may have a
  ///   password in it.
  /// - Throws: ``ServiceHTTPError`` with code `proxy_invalid`.
  init(_ text: String, variable: String) throws(ServiceHTTPError) {
    func refuse(_ what: String) -> ServiceHTTPError {
      ServiceHTTPError(
        .proxyInvalid, "the proxy in $\(variable) \(what)",
        remedy: "set it to http://host:port or http://user:password@host:port, or unset it")
    }
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw refuse("has a space or a character that cannot stand in an address")
    }
    var rest = text[...]
    if let mark = text.firstRange(of: "://") {
      guard text[..<mark.lowerBound].lowercased() == "http" else {
        throw refuse("has a scheme other than http; the tunnel through it is encrypted all the same")
      }
      rest = text[mark.upperBound...]
    }
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    var credentials: Credentials?
    if let at = rest.lastIndex(of: "@") {
      guard let found = Credentials(userInfo: rest[..<at]) else {
        throw refuse("has a user name or password that cannot be sent; special letters are written as %XX")
      }
      credentials = found
      rest = rest[rest.index(after: at)...]
    }
    guard let (host, port) = WebAddress.split(rest.lowercased()[...]) else {
      throw refuse("has no valid host and port")
    }
    self.host = host.filter { $0 != "[" && $0 != "]" }
    self.port = port ?? 80
    self.credentials = credentials
  }

  /// Texts that must be in nothing that leaves this target.
  var secrets: [String] {
    guard let credentials else { return [] }
    let pair = "\(credentials.user):\(credentials.password)"
    return credentials.password.utf8.count < Self.shortestSecret ? [pair] : [pair, credentials.password]
  }
}

extension HTTPProxy: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Host and port, for messages.
  var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
  /// The same: never the credentials.
  var debugDescription: String { description }
  /// A mirror without children, so that `dump` shows no password.
  var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension HTTPProxy.Credentials {
  /// Reads the user info of an address; `nil` for escapes that are none, and for what cannot stand in a header.
  fileprivate init?(userInfo: Substring) {
    let halves = userInfo.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let user = Self.decoded(halves[0]), !user.isEmpty, !user.contains(":"),
      let password = halves.count > 1 ? Self.decoded(halves[1]) : ""
    else { return nil }
    self.user = user
    self.password = password
  }

  private static func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
      guard digits.count == 2 else { return nil }
      bytes.append(UInt8(digits[0] * 16 + digits[1]))
      rest = rest.dropFirst(2)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self),
      decoded.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else { return nil }
    return decoded
  }
}

/// Hosts that no proxy is used for, as `NO_PROXY` lists them.
///
/// The rules that common tools share: entries separated by commas; `*` is every host; a name stands for itself and
/// for every host below it, with or without a leading dot; an address stands for itself; a port at the end limits
/// an entry to that port. Letters are compared without case. Address ranges such as `10.0.0.0/8` match nothing.
struct ProxyExceptions: Sendable {
  private struct Entry {
    var name: String
    var port: Int?
  }

  private let entries: [Entry]

  /// The exceptions of such a list.
  init(_ list: String) {
    entries = list.split(separator: ",").compactMap { Self.entry($0.filter { $0 != " " && $0 != "\t" }) }
  }

  /// Whether connections to that host go without a proxy.
  ///
  /// - Parameter host: in lower case, an IPv6 address without brackets.
  func contain(host: String, port: Int) -> Bool {
    let host = host.hasSuffix(".") ? String(host.dropLast()) : host
    return entries.contains { entry in
      guard entry.port == nil || entry.port == port else { return false }
      return entry.name == "*" || host == entry.name || host.hasSuffix("." + entry.name)
    }
  }

  private static func entry(_ text: String) -> Entry? {
    var name = text.lowercased()[...]
    var port: Int?
    let colons = name.count { $0 == ":" }
    if name.hasPrefix("["), let close = name.lastIndex(of: "]") {
      let after = name[name.index(after: close)...]
      if after.hasPrefix(":") { port = Int(after.dropFirst()) }
      name = name[..<close].dropFirst()
    } else if colons == 1, let colon = name.firstIndex(of: ":") {
      // An entry with anything but a number there is meant for no port there is.
      port = Int(name[name.index(after: colon)...]) ?? 0
      name = name[..<colon]
    }
    if name.hasPrefix("*.") { name = name.dropFirst() }
    if name.hasPrefix(".") { name = name.dropFirst() }
    if name.hasSuffix(".") { name = name.dropLast() }
    return name.isEmpty ? nil : Entry(name: String(name), port: port)
  }
}
