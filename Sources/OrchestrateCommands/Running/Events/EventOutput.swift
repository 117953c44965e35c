import NIOConcurrencyHelpers
import Reporting

/// Writes events, one line each, away from the tasks that send: a reader that is slow, stuck or gone holds nothing up
/// and changes nothing.
final class EventOutput: Sendable {
  /// Events that may wait to be written; what comes on top of them is left out.
  static let limit = 10_000

  private struct State {
    var isLost = false
    var isLate = false
  }

  /// Whether events go to standard output, and the result after them.
  let isStandardOutput: Bool

  private let sink: any TextSink
  private let say: @Sendable (String) -> Void
  private let queue = OutputQueue(label: "orchestrate.events")
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
  ///
  /// - Parameter isLast: whether it says how the run was left, which is never left out.
  func write(_ line: String, isLast: Bool = false) {
    guard !state.withLockedValue({ $0.isLost }) else { return }
    guard isLast || queue.waiting < Self.limit else {
      let isFirst = state.withLockedValue { state in
        defer { state.isLate = true }
        return !state.isLate
      }
      if isFirst { say("warning: events are read too slowly, some are left out; the run goes on") }
      return
    }
    queue.add { [self] in put(line) }
  }

  /// Suspends until everything was written, or cannot be, or a reader has not read for half a minute.
  ///
  /// In standard output the result comes after the events and needs the same reader; then there is nothing to be gained by
  /// not waiting, but a run that has ended must not hang for a file.
  func flush() async {
    if await queue.drained() { return }
    say("warning: nobody reads the events; those that wait are left out")
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
