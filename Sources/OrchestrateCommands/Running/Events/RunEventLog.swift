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
    case .storeTrouble(let trouble): write("store_trouble") { $0.member("message", trouble) }
    case .stopping(let cause): stopping(cause)
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
