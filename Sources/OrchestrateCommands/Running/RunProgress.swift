import BatchDomain
import Dispatcher
import Logging
import NIOConcurrencyHelpers
import Reporting

/// Shows a run on standard error while it goes on: a few lines that are drawn again and again on a terminal; else one
/// line at each change of condition, and one every so often.
final class RunProgress: RunObserver {
  /// Time between two lines that only say how far the run is.
  static let interval: Duration = .seconds(10)

  /// Time after which a line says how far the run is although nothing has happened, while it waits and else.
  static let idleInterval = (waiting: Duration.seconds(600), otherwise: Duration.seconds(60))

  /// Chunks that stay unknown are named one by one up to so many.
  static let heldShown = 5

  /// Waits that are over before somebody has read of them are not shown.
  static let shortestShownWait: Duration = .seconds(3)

  /// What takes less time is over before somebody has looked.
  static let firstDrawing: Duration = .milliseconds(250)

  /// Time between two drawings.
  static let drawing: Duration = .milliseconds(100)

  /// Time between two drawings when nothing happens: waits are counted down in seconds.
  static let idleDrawing: Duration = .seconds(1)

  private struct State {
    var run: LiveRun
    var startedAt: Duration
    var lastLine: Duration
    var isWaitShown = false
    var held = 0
    /// Whether something is to be drawn that was not drawn yet.
    var isChanged = true
    var lastDrawing: Duration?
  }

  private let settings: RunSettings
  private let console: RunConsole
  private let commands: RunCommands
  private let catalog: (any RunCatalog)?
  private let text: RunProgressText
  private let state: NIOLockedValueBox<State>

  private var context: ProcessContext { console.context }
  private var logger: Logger { console.logger }

  /// Progress of a run.
  ///
  /// - Parameter catalog: where forecasts find what other runs used of the limits; without it there are none.
  init(
    settings: RunSettings, console: RunConsole, commands: RunCommands, catalog: (any RunCatalog)? = nil
  ) {
    self.catalog = catalog
    self.settings = settings
    self.console = console
    self.commands = commands
    text = RunProgressText(zone: console.context.zone)
    let now = console.context.clock.elapsed()
    state = NIOLockedValueBox(
      State(run: LiveRun(at: now, hasWindows: !settings.windows.isEmpty), startedAt: now, lastLine: now))
  }

  func observe(_ event: RunEvent) {
    let now = context.clock.elapsed()
    switch event {
    case .started(let standing):
      change { state in
        state.startedAt = now
        state.run.start(items: standing.items, counts: standing.counts, at: now)
      }
    case .firstAccepted(let counts): firstAccepted(counts, now: now)
    case .progress(let counts): progress(counts, now: now)
    case .waiting(let wait): waiting(wait)
    case .waitOver:
      change { $0.run.wait = nil }
      if state.withLockedValue({ $0.isWaitShown }) { condition("sending resumed") }
    case .setback(let chunk, let attempt, let outcome, let code, let message):
      change {
        $0.run.failure = LiveRun.Failure(
          code: code ?? outcome.rawValue, message: message, at: context.clock.now())
      }
      logger.info(
        "attempt not accepted",
        metadata: [
          "chunk": "\(chunk)", "attempt": "\(attempt)", "outcome": "\(outcome.rawValue)",
          "code": "\(code ?? "-")", "answer": "\(message ?? "-")",
        ])
    case .divided(let chunk, let pieces):
      logger.info("chunk divided", metadata: ["chunk": "\(chunk)", "pieces": "\(pieces)"])
    case .settled(let chunk, let verdict, let evidence):
      logger.info(
        "chunk settled",
        metadata: ["chunk": "\(chunk)", "verdict": "\(verdict.rawValue)", "evidence": "\(evidence)"])
    case .held(let chunk, let why):
      held(chunk, why)
    case .unknownStatus(let chunk, let status):
      show(
        "the service gives chunk \(chunk) the status \(VisibleText.escape(status)), which this program does not know; "
          + "the chunk counts as being worked on")
    case .storeTrouble(let trouble):
      change { $0.run.hasStoreTrouble = true }
      context.note("store error, no new requests: \(VisibleText.escape(trouble))")
    case .stopping(let cause):
      stopping(cause)
    }
  }

  /// Says why the run is paused, once it was left: what was under way when it stopped may have finished it.
  func ended(_ ending: RunExit) {
    guard case .paused(let reason, let detail) = ending, reason != .signal, reason != .detached else {
      return
    }
    context.note(text.paused(reason, detail: detail, commands))
  }

  /// Works on the run, and keeps a live display up to date meanwhile.
  func during<Value: Sendable>(_ work: () async throws -> Value) async throws -> Value {
    let result: Result<Value, any Error> = await withTaskGroup(of: Void.self) { group in
      group.addTask {
        switch self.console.progress {
        case .none: break
        case .lines: await self.speakWhileNothingHappens()
        case .live(let display): await self.drawAgainAndAgain(on: display)
        }
      }
      group.addTask { await self.forecastAgainAndAgain() }
      defer { group.cancelAll() }
      do {
        return .success(try await work())
      } catch {
        return .failure(error)
      }
    }
    if case .live(let display) = console.progress { await display.end() }
    return try result.get()
  }

  private func speakWhileNothingHappens() async {
    do {
      while true {
        try await context.clock.sleep(for: Self.idleInterval.otherwise)
        let (now, elapsed) = (context.clock.now(), context.clock.elapsed())
        let run = state.withLockedValue { state -> LiveRun? in
          let isWaiting = state.run.wait.map { $0.until > now } ?? false
          let interval = isWaiting ? Self.idleInterval.waiting : Self.idleInterval.otherwise
          guard elapsed - state.lastLine >= interval else { return nil }
          state.lastLine = elapsed
          return state.run
        }
        if let run { showProgress(line(run)) }
      }
    } catch {
      // The only error of a sleep: the work is done.
    }
  }

  private func line(_ run: LiveRun) -> String {
    let now = context.clock.now()
    return text.progress(
      items: run.items, counts: run.counts, chunksPerSecond: run.paceOfLate, left: run.timeLeft(at: now),
      holding: run.forecast.flatMap { forecastText.brief($0) })
  }

  private var forecastText: ForecastText {
    ForecastText(zone: context.zone, hasWindows: !settings.windows.isEmpty)
  }

  /// Time between two forecasts.
  static let forecastInterval: Duration = .seconds(60)

  /// Keeps a forecast up to date where a limit or a window holds the run back. One that cannot be made is left out: it
  /// would only be shown.
  private func forecastAgainAndAgain() async {
    guard let catalog, RemainingWork.isHeldBack(settings) else { return }
    while true {
      do {
        try await context.clock.sleep(for: Self.forecastInterval)
      } catch {
        // The only error of a sleep: the work is done.
        return
      }
      let now = context.clock.now()
      let paceOfLate = state.withLockedValue { $0.run.paceOfLate }
      let pace = paceOfLate.flatMap { $0 > 0 ? Duration.seconds(1 / $0) : nil }
      let forecast: Forecast?
      do {
        forecast = try await RemainingWork.of(
          commands.run, settings: settings, in: catalog, at: now, pace: pace)?.forecast(from: now)
      } catch {
        forecast = nil
      }
      change { $0.run.forecast = forecast }
    }
  }

  private func held(_ chunk: ChunkNumber, _ why: String) {
    let count = state.withLockedValue { state in
      state.held += 1
      return state.held
    }
    if count <= Self.heldShown {
      show("chunk \(chunk) stays unknown: \(VisibleText.escape(why))")
    } else if count == Self.heldShown + 1 {
      show("more chunks stay unknown; the report counts them, --format json lists them")
    }
  }

  private func drawAgainAndAgain(on display: LiveDisplay) async {
    do {
      try await context.clock.sleep(for: Self.firstDrawing)
      while true {
        drawIfDue(on: display)
        try await context.clock.sleep(for: Self.drawing)
      }
    } catch {
      // The only error of a sleep: the work is done.
    }
  }

  private func drawIfDue(on display: LiveDisplay) {
    let elapsed = context.clock.elapsed()
    let run = state.withLockedValue { state -> LiveRun? in
      let isDue = state.lastDrawing.map { elapsed - $0 >= Self.idleDrawing } ?? true
      guard isDue || state.isChanged else { return nil }
      state.isChanged = false
      state.lastDrawing = elapsed
      state.run.pass(to: elapsed)
      return state.run
    }
    guard let run else { return }
    let text = LiveRunText(zone: context.zone)
    let now = context.clock.now()
    display.draw { text.lines(run, columns: $0, now: now, elapsed: elapsed) }
  }

  private func firstAccepted(_ counts: StateCounts, now: Duration) {
    let took = state.withLockedValue { now - $0.startedAt }
    // Where a chunk takes several steps, the first one waited for the service, alone, and how many requests of each step
    // are left is not known here; nor is when windows open, or how many items a quota still permits. The pace and the forecast tell it.
    let isForecast =
      settings.profile.steps.count > 1 || !settings.windows.isEmpty || !settings.itemRates.isEmpty
    let left =
      isForecast
      ? nil
      : TimeLeft.afterFirst(
        took: took, chunksLeft: counts.openChunks, concurrency: settings.concurrency, rates: settings.rates)
    show(text.firstAccepted(left: left, now: context.clock.now()))
  }

  private func waiting(_ wait: StoredWait) {
    let now = context.clock.now()
    let isLong = wait.until.since(now) >= Self.shortestShownWait
    change { state in
      state.run.wait = wait
      state.isWaitShown = isLong
    }
    if isLong { condition(text.waiting(wait, failure: state.withLockedValue { $0.run.failure }, now: now)) }
  }

  private func stopping(_ cause: StopCause) {
    switch cause {
    case .asked:
      change { $0.run.phase = .stopping }
      context.note(
        "stopping: no new requests, waiting for requests in flight (a second signal exits immediately)")
    case .cancelled:
      change { $0.run.phase = .cancelling }
      context.note("cancelling: no new requests")
    case .paused(.detached, _):
      change { $0.run.phase = .stopping }
      context.note(
        "stopping: no new requests, waiting for requests in flight; other workers may then take the run "
          + "(a second signal exits immediately)")
    case .paused(let reason, _):
      change { $0.run.phase = .stopping }
      context.note(text.stopping(reason))
    case .store(let error):
      change { $0.run.phase = .stopping }
      context.note("the store cannot be used: \(VisibleText.escape(error.description))")
    }
  }

  private func progress(_ counts: StateCounts, now: Duration) {
    let run = state.withLockedValue { state -> LiveRun? in
      state.run.observe(counts, at: now)
      state.isChanged = true
      guard case .lines = console.progress, now - state.lastLine >= Self.interval else { return nil }
      state.lastLine = now
      return state.run
    }
    if let run { showProgress(line(run)) }
  }

  private func change(_ body: (inout State) -> Void) {
    state.withLockedValue { state in
      body(&state)
      state.isChanged = true
    }
  }

  /// A line that a live display says in its own way.
  private func condition(_ line: String) {
    if case .lines = console.progress { show(line) }
  }

  private func show(_ line: String) {
    if case .none = console.progress { return }
    state.withLockedValue { $0.lastLine = context.clock.elapsed() }
    context.note(line)
  }

  /// A line that a later one makes superfluous.
  private func showProgress(_ line: String) {
    if case .none = console.progress { return }
    state.withLockedValue { $0.lastLine = context.clock.elapsed() }
    context.noteProgress(line)
  }
}
