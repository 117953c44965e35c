/// Scheme, host and port of a checked address.
struct ServiceOrigin: Sendable, Equatable {
  /// Whether the scheme is `https`.
  let isEncrypted: Bool
  /// Host in lower case; an IPv6 address without its brackets.
  let host: String
  /// Port, the scheme's own where the address has none.
  let port: Int

  /// Takes an address apart that was checked before, as ``ServiceAddress/baseURL`` has it.
  init(_ baseURL: String) {
    let parts = baseURL.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    isEncrypted = parts[0] == "https:"
    let authority = parts.count > 2 ? parts[2] : ""
    let hostEnd = authority.lastIndex(of: "]") ?? authority.startIndex
    let colon = authority[hostEnd...].firstIndex(of: ":")
    host = authority[..<(colon ?? authority.endIndex)].filter { $0 != "[" && $0 != "]" }.lowercased()
    let ownPort = isEncrypted ? 443 : 80
    port = colon.flatMap { Int(authority[authority.index(after: $0)...]) } ?? ownPort
  }

  /// Whether the host is this machine whatever a name server says: 127.0.0.0/8 in four parts, `::1`, `localhost`.
  var isLoopback: Bool { Self.isLoopback(host) }

  /// Whether a host, without brackets and in lower case, is this machine.
  static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "::1" || host == "0:0:0:0:0:0:0:1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "127" else { return false }
    return parts.allSatisfy { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8($0) != nil }
  }
}
