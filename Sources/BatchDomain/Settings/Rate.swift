/// A limit on requests: never more than ``count`` in any window of that length.
package struct Rate: Hashable, Sendable, Codable, CustomStringConvertible {
  /// The length of the window.
  package enum Window: String, Sendable, CaseIterable, Codable {
    /// 1 second.
    case second = "s"
    /// 60 seconds.
    case minute = "min"
    /// 3,600 seconds.
    case hour
    /// 86,400 seconds.
    case day

    /// The length of the window.
    package var duration: Duration {
      switch self {
      case .second: .seconds(1)
      case .minute: .seconds(60)
      case .hour: .seconds(3_600)
      case .day: .seconds(86_400)
      }
    }
  }

  /// Requests, 1 or more.
  package var count: Int
  /// The length of the window.
  package var window: Window

  /// A limit of `count` requests in any `window`.
  package init(count: Int, window: Window) {
    self.count = count
    self.window = window
  }

  /// As it is written in options and job files, for example `50/min`.
  package var description: String { "\(count)/\(window.rawValue)" }
}
