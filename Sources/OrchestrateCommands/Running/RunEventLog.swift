import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import Reporting

/// Writes what happens to a run as JSON, one object per line (`docs/json-output.md`, "Events").
final class RunEventLog: RunObserver {
  /// Time between two events `progress`.
  static let interval: Duration = .seconds(1)

  private let run: RunID
  private let output: EventOutput
  private let clock: any BatchClock
  private let lastProgress = NIOLockedValueBox<Duration?>(nil)

  /// Events of a run.
  init(of run: RunID, to output: EventOutput, clock: any BatchClock) {
    self.run = run
    self.output = output
    self.clock = clock
  }

  /// The run is recorded; nothing was sent yet.
  func planned(items: Int, repeated: Int, chunks: Int) {
    write("planned") { json in
      json.member("items", items)
      json.member("repeated", repeated)
      json.member("chunk_count", chunks)
    }
  }

  func observe(_ event: RunEvent) {
    switch event {
    case .started(let standing):
      write("started") { json in
        json.member("items", standing.items)
        json.member("attempts", standing.attempts)
        RunJSON.write(standing.counts, to: &json)
      }
    case .firstAccepted(let counts): write("first_accepted") { RunJSON.write(counts, to: &$0) }
    case .progress(let counts): progress(counts)
    case .waiting(let wait):
      write("wait") { json in
        json.key("until")
        json.value(wait.until)
        json.member("reason", wait.reason)
      }
    case .waitOver: write("wait_over") { _ in }
    case .setback(let chunk, let attempt, let outcome, let code, let message):
      write("setback") { json in
        json.member("chunk", chunk.rawValue)
        json.member("attempt", attempt)
        json.member("outcome", outcome.rawValue)
        json.member("error_code", code)
        json.member("message", message)
      }
    case .divided(let chunk, let pieces):
      write("divided") { json in
        json.member("chunk", chunk.rawValue)
        json.member("pieces", pieces)
      }
    case .settled(let chunk, let verdict, let evidence):
      write("settled") { json in
        json.member("chunk", chunk.rawValue)
        json.member("verdict", verdict.rawValue)
        json.member("evidence", evidence)
      }
    case .held(let chunk, let why):
      write("held") { json in
        json.member("chunk", chunk.rawValue)
        json.member("reason", why)
      }
    case .unknownStatus(let chunk, let status):
      write("unknown_status") { json in
        json.member("chunk", chunk.rawValue)
        json.member("status", status)
      }
    case .storeTrouble(let trouble): write("store_trouble") { $0.member("message", trouble) }
    case .stopping(let cause): stopping(cause)
    }
  }

  /// The service was asked what became of the accepted items.
  func tracking(_ tracking: TrackingSummary) {
    write("tracking") { json in
      json.key("looked_at")
      json.value(tracking.lookedAt)
      TrackingJSON.writeStates(tracking.states, to: &json)
    }
  }

  /// The run was left.
  ///
  /// - Parameters:
  ///   - reason: why it is paused; `nil` when it is not.
  ///   - counts: chunks and items by state; `nil` when the store cannot tell.
  func ended(_ state: RunState, reason: PauseReason?, counts: StateCounts?) {
    write("ended") { json in
      json.member("state", state.rawValue)
      json.member("reason", reason?.rawValue)
      if let counts {
        RunJSON.write(counts, to: &json)
      } else {
        json.member("chunks", Int?.none)
        json.member("items_by_state", Int?.none)
      }
    }
  }

  private func progress(_ counts: StateCounts) {
    let now = clock.elapsed()
    let isDue = lastProgress.withLockedValue { last in
      guard last.map({ now - $0 >= Self.interval }) ?? true else { return false }
      last = now
      return true
    }
    if isDue { write("progress", .progress) { RunJSON.write(counts, to: &$0) } }
  }

  private func stopping(_ cause: StopCause) {
    write("stopping") { json in
      switch cause {
      case .asked: json.members(cause: "asked", reason: nil, message: nil)
      case .cancelled: json.members(cause: "cancelled", reason: nil, message: nil)
      case .paused(let reason, let detail): json.members(cause: "parked", reason: reason, message: detail)
      case .store(let error): json.members(cause: "store", reason: .store, message: error.message)
      }
    }
  }

  private func write(
    _ event: String, _ importance: OutputQueue.Importance = .lasting, _ members: (inout JSONWriter) -> Void
  ) {
    var json = JSONWriter(.compact)
    json.beginObject()
    json.member("event", event)
    json.key("at")
    json.value(clock.now())
    json.member("run_id", run.rawValue)
    members(&json)
    json.endObject()
    output.write(json.take() + "\n", importance)
  }
}

extension JSONWriter {
  fileprivate mutating func members(cause: String, reason: PauseReason?, message: String?) {
    member("cause", cause)
    member("reason", reason?.rawValue)
    member("message", message)
  }
}

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
  /// - Parameters:
  ///   - patience: how long the end waits for a reader that takes nothing.
  ///   - say: told once when events cannot be written, or are left out.
  init(
    to sink: any TextSink, isStandardOutput: Bool, patience: Duration = .seconds(1),
    say: @escaping @Sendable (String) -> Void
  ) {
    self.sink = sink
    queue = OutputQueue(
      label: "orchestrate.events", limits: Self.limits, patience: patience, unread: { sink.unreadBytes })
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
    if isFirst { say("warning: events are read too slowly, the oldest are dropped; the run continues") }
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
    if isFirst { say("warning: the events are not being read; those that wait are dropped") }
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
      let reason = (error as? OutputFailed)?.reason ?? "their reader is gone"
      say("warning: events cannot be written: \(reason); the run continues without them")
    }
  }
}
