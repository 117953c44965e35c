import BatchDomain
import Logging
import NIOConcurrencyHelpers
import Reporting
import Scheduler

/// Shows a run on standard error while it goes on: one line at each change of condition, and one every so
/// often.
final class RunProgress: RunObserver {
  /// Time between two lines that only say how far the run is.
  static let interval: Duration = .seconds(10)

  /// Waits that are over before somebody has read of them are not shown.
  static let shortestShownWait: Duration = .seconds(3)

  private struct State {
    var isWaitShown = false
    var startedAt: Duration
    var lastLine: Duration
    var items = 0
    var timeLeft = TimeLeft()
  }

  private let run: RunID
  private let settings: RunSettings
  private let context: ProcessContext
  private let commands: RunCommands
  private let isShown: Bool
  private let logger: Logger
  private let text: RunProgressText
  private let state: NIOLockedValueBox<State>

  init(
    run: RunID, settings: RunSettings, context: ProcessContext, commands: RunCommands, isShown: Bool,
    logger: Logger
  ) {
    self.run = run
    self.settings = settings
    self.context = context
    self.commands = commands
    self.isShown = isShown
    self.logger = logger
    text = RunProgressText(zone: context.zone)
    let now = context.clock.elapsed()
    state = NIOLockedValueBox(State(startedAt: now, lastLine: now))
  }

  func observe(_ event: RunEvent) {
    let now = context.clock.elapsed()
    switch event {
    case .started(let standing):
      state.withLockedValue { state in
        state.items = standing.items
        state.startedAt = now
        state.timeLeft.observe(chunks: Self.decided(standing.counts), at: now)
      }
    case .firstAccepted(let counts):
      let took = state.withLockedValue { now - $0.startedAt }
      let left = TimeLeft.afterFirst(
        took: took, chunksLeft: Self.left(counts), concurrency: settings.concurrency, rates: settings.rates)
      show(text.firstAccepted(left: left, now: context.clock.now()))
    case .progress(let counts):
      progress(counts, now: now)
    case .waiting(let wait):
      let now = context.clock.now()
      let isLong = wait.until.since(now) >= Self.shortestShownWait
      state.withLockedValue { $0.isWaitShown = isLong }
      if isLong { show(text.waiting(wait, now: now)) }
    case .waitOver:
      if state.withLockedValue({ $0.isWaitShown }) { show("sending goes on") }
    case .setback(let chunk, let attempt, let outcome, let code, let message):
      logger.info(
        "attempt not accepted",
        metadata: [
          "chunk": "\(chunk)", "attempt": "\(attempt)", "outcome": "\(outcome.rawValue)",
          "code": "\(TerminalText.escape(code ?? "-"))",
          "message": "\(TerminalText.escape(message ?? "-", cutAt: 200))",
        ])
    case .divided(let chunk, let pieces):
      logger.info("chunk divided", metadata: ["chunk": "\(chunk)", "pieces": "\(pieces)"])
    case .settled(let chunk, let verdict, let evidence):
      logger.info(
        "chunk settled",
        metadata: [
          "chunk": "\(chunk)", "verdict": "\(verdict.rawValue)",
          "evidence": "\(TerminalText.escape(evidence))",
        ])
    case .held(let chunk, let why):
      show("chunk \(chunk) stays unknown: \(TerminalText.escape(why))")
    case .storeTrouble(let trouble):
      context.note("the store is in trouble, nothing new is sent: \(TerminalText.escape(trouble))")
    case .stopping(let cause):
      stopping(cause)
    }
  }

  private func stopping(_ cause: StopCause) {
    switch cause {
    case .asked:
      context.note("stopping: no new requests, waiting for those under way (a second signal leaves at once)")
    case .cancelled:
      context.note("cancelling: no new requests")
    case .parked(let reason, let detail):
      context.note(text.parked(reason, detail: detail, commands))
    case .store(let error):
      context.note("the store cannot be used: \(TerminalText.escape(error.description))")
    }
  }

  private func progress(_ counts: StateCounts, now: Duration) {
    let line = state.withLockedValue { state -> String? in
      state.timeLeft.observe(chunks: Self.decided(counts), at: now)
      guard now - state.lastLine >= Self.interval else { return nil }
      state.lastLine = now
      return text.progress(
        items: state.items, counts: counts, chunksPerSecond: state.timeLeft.chunksPerSecond,
        left: state.timeLeft.estimate(chunksLeft: Self.left(counts)))
    }
    if let line { show(line) }
  }

  private func show(_ line: String) {
    if isShown { context.note(line) }
  }

  private static func decided(_ counts: StateCounts) -> Int {
    counts.chunks(in: .accepted, .rejected, .failed)
  }

  private static func left(_ counts: StateCounts) -> Int {
    counts.chunks(in: .pending, .submitting, .unknown)
  }
}
