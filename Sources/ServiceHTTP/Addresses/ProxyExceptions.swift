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
