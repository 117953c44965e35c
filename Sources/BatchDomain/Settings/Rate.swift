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
  /// The step whose requests it limits; `nil` limits those of each step by themselves.
  package var step: ChunkStep?

  /// A limit of `count` requests in any `window`.
  package init(count: Int, window: Window, step: ChunkStep? = nil) {
    self.count = count
    self.window = window
    self.step = step
  }

  /// Whether it limits requests of that step.
  package func limits(_ other: ChunkStep) -> Bool { step == nil || step == other }

  /// As it is written in options and job files, for example `50/min` or `upload:60/min`.
  package var description: String {
    (step.map { "\($0.rawValue):" } ?? "") + "\(count)/\(window.rawValue)"
  }
}

/// A limit on what is indexed: never more than so many minutes of media in any window of that length.
package struct MediaRate: Hashable, Sendable, Codable, CustomStringConvertible {
  /// Minutes of media, 1 or more.
  package var minutes: Int
  /// The length of the window.
  package var window: Rate.Window

  /// A limit of so many minutes in any `window`.
  package init(minutes: Int, window: Rate.Window) {
    self.minutes = minutes
    self.window = window
  }

  /// As it is written in options and job files, for example `600min/hour`.
  package var description: String { "\(minutes)min/\(window.rawValue)" }
}
