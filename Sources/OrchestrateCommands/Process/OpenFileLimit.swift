import BatchDomain
import Foundation

/// The limit on open files of this process (getrlimit(2), RLIMIT_NOFILE; `ulimit -n` in a shell), and how many connections
/// fit below it. Some shells and macOS allow 256, and a socket that cannot be opened looks like an outage.
///
/// Before sending, the soft limit is raised to what is needed and not further: started programs inherit it, and some cannot
/// take more than 1,024. Where the hard limit is lower, fewer requests are in flight, as if `--concurrency` were lower, and
/// one line says so. The stored settings do not change: the next `resume` may run under another limit. "Too many open files"
/// is not told apart afterwards, since it comes up in name look-ups, SQLite and TLS, too, each with an error of its own.
package struct OpenFileLimit: Sendable, Equatable {
  /// The limit that holds.
  package var current: Int
  /// The limit up to which this process may raise it.
  package var highest: Int
  /// Files that are open now.
  package var open: Int

  /// A limit in its parts.
  package init(current: Int, highest: Int, open: Int) {
    self.current = current
    self.highest = highest
    self.open = open
  }

  /// Files that are opened beside connections: name look-ups, the database's files, events, notices, queues.
  package static let reserve = 24

  /// The limit that holds as many connections.
  package func needed(for connections: Int) -> Int { open + Self.reserve + connections }

  /// Connections that fit below the limit that holds, of those that are wanted; 0 when not even one does.
  package func connections(of wanted: Int) -> Int { max(0, min(wanted, current - open - Self.reserve)) }

  #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  #else
    private static let resource = RLIMIT_NOFILE
  #endif

  /// The limit of this process as it is.
  static func ofThisProcess() -> OpenFileLimit {
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else {
      // Without an answer there is nothing to go by, and nothing is in the way as far as is known.
      return OpenFileLimit(current: Int(Int32.max), highest: Int(Int32.max), open: 0)
    }
    var highest = Int(clamping: UInt64(limit.rlim_max))
    #if canImport(Darwin)
      // setrlimit(2) of macOS refuses more than OPEN_MAX, also where the highest limit is "unlimited".
      highest = min(highest, Int(OPEN_MAX))
    #endif
    return OpenFileLimit(
      current: Int(clamping: UInt64(limit.rlim_cur)), highest: highest, open: openFiles())
  }

  /// Raises the limit to what connections need, as far as it can be raised and no further: started programs inherit it.
  ///
  /// - Returns: the limit that holds then.
  static func raised(for connections: Int) -> OpenFileLimit {
    let before = ofThisProcess()
    let needed = before.needed(for: connections)
    guard before.current < needed, before.highest > before.current else { return before }
    var wish = rlimit()
    if getrlimit(resource, &wish) == 0 {
      wish.rlim_cur = rlim_t(min(needed, before.highest))
      // What is refused changes nothing; what holds then is looked up below.
      _ = setrlimit(resource, &wish)
    }
    var after = ofThisProcess()
    after.open = before.open
    return after
  }

  /// Refuses a limit below which nothing can be sent, before a run is touched.
  ///
  /// - Throws: ``CommandFailure`` with code `open_files`.
  static func requireRoom() throws(CommandFailure) {
    let limit = raised(for: least)
    guard limit.connections(of: least) < least else { return }
    throw CommandFailure(
      .badInput, code: "open_files",
      "the limit on open files is \(limit.current), and sending needs \(limit.needed(for: least)) at least",
      remedy: "raise the limit, for example with `ulimit -n 1024`; nothing was sent by this command")
  }

  /// Connections without which nothing can be sent: one for a request and one for a listing.
  private static let least = 2

  /// How many of the requests that are wanted at a time fit below the limit, which is raised first; at least 1.
  ///
  /// - Parameter say: gets one sentence when not all of them fit.
  static func requests(of wanted: Int, say: (String) -> Void) -> Int {
    // Listings have a connection of their own.
    let limit = raised(for: wanted + 1)
    let allowed = max(1, limit.connections(of: wanted + 1) - 1)
    if allowed < wanted {
      say(
        "warning: the limit on open files is \(limit.current) (ulimit -n), and --concurrency \(wanted) needs "
          + "\(limit.needed(for: wanted + 1)): \(HumanNumber.text(allowed, "request")) "
          + "\(allowed == 1 ? "is" : "are") sent at a time")
    }
    return allowed
  }

  private static func openFiles() -> Int {
    guard let listing = opendir("/dev/fd") else { return reserve }
    defer { closedir(listing) }
    var count = 0
    while let entry = readdir(listing) {
      if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
    }
    // The list itself is one of them.
    return max(0, count - 1)
  }
}
