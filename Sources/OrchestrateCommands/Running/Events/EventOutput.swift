import Dispatch
import NIOConcurrencyHelpers
import Reporting

/// Writes events, one line each, away from the tasks that send: a reader that is slow or gone holds nothing up and
/// changes nothing.
final class EventOutput: Sendable {
  /// Events that may wait to be written; what comes on top of them is left out.
  static let limit = 10_000

  private struct State {
    var waiting = 0
    var isLost = false
    var isLate = false
  }

  /// Whether events go to standard output, and the result after them.
  let isStandardOutput: Bool

  private let sink: any TextSink
  private let say: @Sendable (String) -> Void
  private let queue = DispatchQueue(label: "orchestrate.events")
  private let state = NIOLockedValueBox(State())

  /// An output.
  ///
  /// - Parameter say: told once when events cannot be written, or are left out.
  init(to sink: any TextSink, isStandardOutput: Bool, say: @escaping @Sendable (String) -> Void) {
    self.sink = sink
    self.isStandardOutput = isStandardOutput
    self.say = say
  }

  /// Writes a line, without waiting for it.
  func write(_ line: String) {
    enum Decision { case write, leaveOut, leaveOutForTheFirstTime }
    let decision = state.withLockedValue { state -> Decision in
      guard !state.isLost else { return .leaveOut }
      guard state.waiting < Self.limit else {
        defer { state.isLate = true }
        return state.isLate ? .leaveOut : .leaveOutForTheFirstTime
      }
      state.waiting += 1
      return .write
    }
    switch decision {
    case .write: queue.async { [self] in put(line) }
    case .leaveOut: break
    case .leaveOutForTheFirstTime:
      say("warning: events are read too slowly, some are left out; the run goes on")
    }
  }

  /// Suspends until everything was written, or cannot be.
  func flush() async {
    await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
  }

  private func put(_ line: String) {
    let isLost = state.withLockedValue { state in
      state.waiting -= 1
      return state.isLost
    }
    // After a line that was cut off, no further one: each line is to be a whole document.
    guard !isLost else { return }
    do {
      try sink.write(line)
    } catch {
      state.withLockedValue { $0.isLost = true }
      let reason = (error as? OutputFailed)?.reason ?? "nobody reads them any more"
      say("warning: events cannot be written: \(reason); the run goes on without them")
    }
  }
}
