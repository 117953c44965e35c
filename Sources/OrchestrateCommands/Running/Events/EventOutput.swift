import NIOConcurrencyHelpers
import Reporting

/// Writes events, one line each, away from the tasks that send: a reader that is slow, stuck or gone holds nothing up
/// and changes nothing. Of what waits for a slow one, the oldest progress is left out first.
final class EventOutput: Sendable {
  /// Events that may wait to be written.
  static let limits = OutputQueue.Limits(progress: 1_000, lasting: 10_000)

  private struct State {
    var isLost = false
    var isLate = false
    var isStuck = false
  }

  /// Whether events go to standard output, and the result after them.
  let isStandardOutput: Bool

  private let sink: any TextSink
  private let say: @Sendable (String) -> Void
  private let queue: OutputQueue
  private let state = NIOLockedValueBox(State())

  /// An output.
  ///
  /// - Parameter say: told once when events cannot be written, or are left out.
  init(to sink: any TextSink, isStandardOutput: Bool, say: @escaping @Sendable (String) -> Void) {
    self.sink = sink
    queue = OutputQueue(
      label: "orchestrate.events", limits: Self.limits, unread: { sink.unreadBytes })
    self.isStandardOutput = isStandardOutput
    self.say = say
  }

  /// Writes a line, without waiting for it.
  ///
  func write(_ line: String, _ importance: OutputQueue.Importance = .lasting) {
    guard !state.withLockedValue({ $0.isLost }) else { return }
    guard queue.add(importance, { [self] in put(line) }) else { return }
    let isFirst = state.withLockedValue { state in
      defer { state.isLate = true }
      return !state.isLate
    }
    if isFirst { say("warning: events are read too slowly, the oldest are left out; the run goes on") }
  }

  /// Suspends until everything was written, or cannot be, or its reader has read nothing for a second.
  ///
  /// - Returns: whether nothing waits any more.
  @discardableResult
  func flush() async -> Bool {
    if await queue.drained() { return true }
    let isFirst = state.withLockedValue { state in
      defer { state.isStuck = true }
      return !state.isStuck
    }
    if isFirst { say("warning: nobody reads the events; those that wait are left out") }
    return false
  }

  /// Does work, and writes the events that still wait when it ends, well or not: what is said of its end comes after them.
  static func flushing<Value>(_ output: EventOutput?, _ work: () async throws -> Value) async throws -> Value
  {
    do {
      let value = try await work()
      await output?.flush()
      return value
    } catch {
      await output?.flush()
      throw error
    }
  }

  private func put(_ line: String) {
    // After a line that was cut off, no further one: each line is to be a whole document.
    guard !state.withLockedValue({ $0.isLost }) else { return }
    do {
      try sink.write(line)
    } catch {
      state.withLockedValue { $0.isLost = true }
      let reason = (error as? OutputFailed)?.reason ?? "nobody reads them any more"
      say("warning: events cannot be written: \(reason); the run goes on without them")
    }
  }
}
