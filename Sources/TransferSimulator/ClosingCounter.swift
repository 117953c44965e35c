import Synchronization

/// Decides after which answers the connection is closed.
final class ClosingCounter: Sendable {
  /// What happens to a connection after an answer.
  enum Ending {
    case keep, closeAnnounced, closeSilently
  }

  private let announcedEvery: Int?
  private let silentEvery: Int?
  private let answers = Mutex(0)

  init(_ configuration: SimulatorConfiguration) {
    announcedEvery = configuration.announcedCloseEvery
    silentEvery = configuration.silentCloseEvery
  }

  /// Counts one more answer.
  func next() -> Ending {
    let count = answers.withLock { count in
      count += 1
      return count
    }
    if let announcedEvery, count.isMultiple(of: announcedEvery) { return .closeAnnounced }
    if let silentEvery, count.isMultiple(of: silentEvery) { return .closeSilently }
    return .keep
  }
}
