internal import NIOConcurrencyHelpers

/// Whether connections are used more than once. They are, until the service was seen to drop one that it had
/// already answered on: a lost answer costs far more than a new connection for each request.
final class ReusePolicy: Sendable {
  private let isTrusting = NIOLockedValueBox(true)

  /// Whether the next request may leave its connection open.
  var allowsReuse: Bool { isTrusting.withLockedValue { $0 } }

  /// Notes that a request was lost with a connection that had been used before.
  func lostReusedConnection() { isTrusting.withLockedValue { $0 = false } }

  /// Whether a connection may be kept after an answer whose `Keep-Alive` says how long the server keeps it.
  ///
  /// - Parameters:
  ///   - values: values of the header's lines, for example `timeout=5, max=100`; RFC 2068 section 19.7.1.1.
  ///   - idleTime: how long we keep it.
  /// - Returns: `false` unless the server keeps it for a second longer than we do, so that its closing and our
  ///   next request cannot cross on the way.
  static func mayKeep(_ values: [String], idleTime: Duration) -> Bool {
    for parameter in values.flatMap({ $0.split(separator: ",") }) {
      let halves = parameter.filter { $0 != " " && $0 != "\t" }.split(separator: "=", maxSplits: 1)
      guard halves.count == 2, halves[0].lowercased() == "timeout", let seconds = Int32(halves[1]) else {
        continue
      }
      if .seconds(Int64(seconds)) < idleTime + .seconds(1) { return false }
    }
    return true
  }
}
