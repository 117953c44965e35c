/// The service that an address leads to, whatever its spelling.
///
/// The one rule for all that is kept by service: whether a manifest was submitted there before, rates, the waits it
/// asks for, and the items it accepted. Scheme and host ignore case, the port of the scheme may be left out, and this
/// machine has three usual names: `localhost`, `127.0.0.1` and `[::1]`.
package enum Origin {
  /// An address in its one form: scheme and host in lower case, `localhost` for this machine, no default port; the
  /// path as it is. Text that is no address is returned unchanged.
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
    var host = rest[..<end].lowercased()[...]
    var port: Substring = ""
    // A colon behind the bracket of an address of version 6 begins the port.
    let hostEnd = host.lastIndex(of: "]") ?? host.startIndex
    if let colon = host[hostEnd...].firstIndex(of: ":") {
      port = host[colon...]
      host = host[..<colon]
    }
    if port == (scheme == "https" ? ":443" : ":80") || port == ":" { port = "" }
    let name = loopback.contains(String(host)) ? "localhost" : String(host)
    return ("\(scheme)://\(name)\(port)", rest[end...])
  }
}
