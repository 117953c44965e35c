import BatchDomain

/// Scheme, host and port of a checked address.
struct ServiceOrigin: Sendable, Equatable {
  /// Whether the scheme is `https`.
  let isEncrypted: Bool
  /// Host in lower case; an IPv6 address without its brackets.
  let host: String
  /// Port, the scheme's own where the address has none.
  let port: Int

  /// Takes an address apart that was checked before (`BaseURLText`).
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

  /// Whether the host is this machine whatever a name server says.
  var isLoopback: Bool { WebAddress.isThisMachine(host) }
}
