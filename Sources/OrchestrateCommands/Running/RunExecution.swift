import BatchDomain
import Dispatcher
import Notifications
import Reporting
import ServiceHTTP

/// Works on a run this process owns until it has to be left, and says how it was left.
struct RunExecution {
  var console: RunConsole
  let store: any BatchStore
  /// The database as the user named it, for commands that are shown.
  let database: String?
  let format: ResultFormat
  /// Where what happens is written as it happens.
  var events: EventOutput?
  /// Who is told about the run.
  var targets = NoticeTargets()
  /// Whether the accepted items are followed once nothing is left to send.
  var tracks = false
  /// Whether a run is left for other workers when this process is asked to stop.
  var givesBack = false

  /// The command's context; notes go above a live display.
  var context: ProcessContext { console.context }

  /// What happens to a run, as events; `nil` when none are wanted.
  func eventLog(of run: RunID) -> RunEventLog? {
    events.map { RunEventLog(of: run, to: $0, clock: context.clock) }
  }

  /// Leaves the terminal in order when a signal ends the process at once, and says how to go on.
  func tidy(_ signals: StopSignals, _ run: RunID) {
    console.tidy(
      signals,
      "exited immediately; requests in flight are now unknown. Resume with: "
        + VisibleText.escape(RunCommands(run: run, database: database).resume))
  }

  /// The same once every request has ended and the run was left.
  private func tidyAfter(_ run: RunID, _ signals: StopSignals) {
    console.tidy(
      signals,
      "exited immediately; no request was in flight. See the run with: "
        + VisibleText.escape(RunCommands(run: run, database: database).report))
  }

  /// Goes on with an unfinished run: plans it again where its process died while it was planned, else takes it; sends what
  /// is left and writes the result.
  ///
  /// - Parameters:
  ///   - settings: the run's, as they hold from now on.
  ///   - prepare: what is done to a run that was taken before anything of it is sent.
  func goOn(
    _ run: RunSummary, _ settings: RunSettings, key: APIKey, signals: StopSignals,
    _ prepare: (any RunSession) async throws -> Void = { _ in }
  ) async throws -> ExitStatus {
    let route = try context.route(to: settings.baseURL)
    if run.state == .planning {
      switch try await PlannedSubmission.again(run.run, settings, in: self, signals) {
      case .stopped: return try await conclude(run.run, isLeft: true)
      case .nothingNew, .submittedBefore: return try await concludeNothingNew(run.run)
      case .planned(let session):
        return try await execute(session, key: key, route: route, signals: signals, isNew: true)
      }
    }
    let patiently = patience(signals)
    let session = try await patiently {
      try await store.take(run.run, isCancelling: false, at: context.clock.now())
    }
    try await prepare(session)
    let standing = try await patiently { try await session.standing() }
    context.note(
      RunProgressText(zone: context.zone).resumed(run.run, items: standing.items, counts: standing.counts))
    if let host = standing.formerHost {
      context.note("warning: run \(run.run) was last worked on by the host \(VisibleText.escape(host))")
    }
    return try await execute(session, key: key, route: route, signals: signals, isNew: false)
  }

  /// Sends what is left and writes the result.
  func execute(
    _ session: any RunSession, key: APIKey, route: ServiceRoute, signals: StopSignals, isNew: Bool
  ) async throws -> ExitStatus {
    try await work(on: session, key: key, route: route, signals: signals, isCancelling: false, isNew: isNew)
    let status = try await concludeTracked(session, key: key, route: route, signals: signals)
    try await indexKnownItems(isStopped: { signals.isAsked })
    return status
  }

  /// Follows the accepted items, where that is wished and nothing is left to send, and writes the result.
  private func concludeTracked(
    _ session: any RunSession, key: APIKey, route: ServiceRoute, signals: StopSignals
  ) async throws -> ExitStatus {
    guard tracks, case let run = try await summary(of: session.run, signals), run.state == .finished else {
      return try await conclude(session.run, signals)
    }
    let tracking = TrackExecution(execution: self, key: key, route: route, signals: signals)
    let ending = try await tracking.follow(run, session.settings, patience: session.settings.maxWait)
    return try await tracking.conclude(run.run, ending)
  }

  /// Brings the index of known items up to date: the time is there now, and the next plan does not wait for it.
  private func indexKnownItems(isStopped: @Sendable () -> Bool) async throws {
    guard !isStopped() else { return }
    do {
      try await store.indexKnownItems(isStopped: isStopped)
    } catch let error as StoreError {
      // The run is recorded as it is, and what is missing is read when the next one is planned.
      context.note(
        "warning: the index of known items is not up to date: \(VisibleText.escape(error.description)); "
          + "the next submission brings it up to date")
    }
  }

  /// Asks the store again while it cannot be reached, for as long as its changes are tried again.
  ///
  /// - Parameter signals: who ends the waiting; `nil` for what has to be done also after a stop.
  func patience(_ signals: StopSignals?) -> StorePatience {
    StorePatience(
      clock: context.clock, patience: store.patience, isStopped: { signals?.isAsked ?? false }
    ) { [context] in
      context.note("warning: \(VisibleText.escape($0.description)); trying again")
    }
  }

  /// Sends what is left, or gives it up, and leaves the run.
  func work(
    on session: any RunSession, key: APIKey, route: ServiceRoute, signals: StopSignals, isCancelling: Bool,
    isNew: Bool = false
  ) async throws {
    let settings = session.settings
    let concurrency = OpenFileLimit.requests(of: settings.concurrency) { context.note($0) }
    let patiently = patience(signals)
    let notices = try await patiently { try await self.notices(of: session.run) }
    if !isCancelling { try await patiently { try await sayForecast(session, settings) } }
    let connection = try await ServiceConnections.open(
      settings, run: session.run, key: key, route: route, in: context)
    let look: Result<Hindrance?, any Error> =
      isCancelling ? .success(nil) : await hindrance(session, connection, isNew: isNew, signals, patiently)
    let isSending = if case .success(nil) = look { true } else { false }
    let progress = RunProgress(
      settings: settings, console: console, commands: RunCommands(run: session.run, database: database),
      catalog: store)
    let events = eventLog(of: session.run)
    let observers: [(any RunObserver)?] = [progress, events, notices]
    let loop = RunLoop(
      session: session, service: connection.service, clock: context.clock, random: context.random,
      observer: ObserverGroup(observers.compactMap { $0 }), concurrency: concurrency,
      storePatience: store.patience, isStopped: { signals.isAsked })
    if isSending { tidy(signals, session.run) } else { tidyAfter(session.run, signals) }
    let suspension = signals.suspension { [context = console.context] in
      context.note($0)
    } told: { [diagnostics = console.context.diagnostics] in
      await diagnostics.drained()
    }
    let result = await RunNotices.during(
      notices, beats: isSending, look: { try await store.summary(of: session.run) }
    ) {
      if let hindrance = try look.get() { return try await leave(session, hindrance, events) }
      return try await progress.during {
        // Senders wait for the network most of the time, and are woken where it is read.
        try await withTaskExecutorPreference(connection.executor) {
          let ending = try await loop.run(
            isCancelling: isCancelling,
            stops: signals.stops(as: stopCause),
            suspension: suspension)
          // Notifications and the result may still take their time.
          tidyAfter(session.run, signals)
          return ending
        }
      }
    }
    signals.endSuspension()
    await connection.shutdown()
    if case .failure = result {
      events?.ended(.paused, reason: .store, counts: nil)
      await self.events?.flush()
    }
    progress.ended(try result.get())
  }

  /// Says before the first request that a run will take several nights, and why.
  private func sayForecast(_ session: any RunSession, _ settings: RunSettings) async throws {
    let now = context.clock.now()
    let forecast = try await RemainingWork.of(session.run, settings: settings, in: store, at: now)?
      .forecast(from: now)
    guard let forecast, forecast.nights > 1 || forecast.startsAt > now else { return }
    let words = ForecastText(zone: context.zone, hasWindows: !settings.windows.isEmpty)
    context.note("forecast: \(words.sentence(forecast, now: now))")
  }

  /// Why a run is left before anything of it is sent.
  private struct Hindrance: Sendable {
    /// How it is left.
    var exit: RunExit
    /// What observers are told.
    var cause: StopCause

    /// The run is paused for a reason that the looks before the first request found.
    init(_ obstacle: Preflight.Obstacle) {
      exit = .paused(obstacle.reason, detail: obstacle.detail)
      cause = .paused(obstacle.reason, detail: obstacle.detail)
    }

    /// The process was asked to stop.
    init(askedToStop cause: StopCause) {
      if case .paused(let reason, let detail) = cause {
        exit = .paused(reason, detail: detail)
      } else {
        exit = .paused(.signal, detail: nil)
      }
      self.cause = cause
    }
  }

  /// As what this process leaves a run when it is asked to stop.
  private var stopCause: StopCause { givesBack ? .paused(.detached, detail: nil) : .asked }

  /// Looks at what every request would fail on, until the process is asked to stop.
  ///
  /// - Returns: why nothing may be sent; `nil` when sending may begin.
  private func hindrance(
    _ session: any RunSession, _ connection: OpenService, isNew: Bool, _ signals: StopSignals,
    _ patiently: StorePatience
  ) async -> Result<Hindrance?, any Error> {
    let stops = signals.stops(as: stopCause)
    let first = await withTaskGroup(of: Look?.self) { group in
      group.addTask { .over(await preflight(session, connection, isNew: isNew, patiently)) }
      group.addTask {
        for await cause in stops { return .stopped(cause) }
        return nil
      }
      defer { group.cancelAll() }
      // That nobody can ask any more decides nothing.
      for await look in group where look != nil { return look }
      return nil
    }
    let hindrance: Hindrance?
    switch first {
    case .stopped(let cause): hindrance = Hindrance(askedToStop: cause)
    case .over(.success(let found)):
      for warning in found.warnings { context.note("warning: \(warning)") }
      hindrance = found.obstacle.map { Hindrance($0) }
    case .over(.failure(let error)): return .failure(error)
    case nil: hindrance = nil
    }
    guard let hindrance else { return .success(nil) }
    do {
      // A run that is decided or being cancelled ends as such, which is for the loop to do.
      let standing = try await patiently { try await session.standing() }
      guard standing.request != .cancel, standing.counts.openChunks > 0 else { return .success(nil) }
    } catch {
      return .failure(error)
    }
    if case .stopped = first {
      context.note("stopping: nothing was sent (a second signal exits immediately)")
    }
    return .success(hindrance)
  }

  /// What came first.
  private enum Look: Sendable {
    case over(Result<Preflight, any Error>)
    case stopped(StopCause)
  }

  private func preflight(
    _ session: any RunSession, _ connection: OpenService, isNew: Bool, _ patiently: StorePatience
  ) async -> Result<Preflight, any Error> {
    do {
      return .success(try await patiently { try await connection.preflight(session, isNew) })
    } catch {
      return .failure(error)
    }
  }

  /// Pauses a run of which nothing may be sent.
  private func leave(
    _ session: any RunSession, _ hindrance: Hindrance, _ events: RunEventLog?
  ) async throws -> RunExit {
    // Progress is not told: it would speak of requests in flight.
    events?.observe(.stopping(hindrance.cause))
    // Also after a stop: a run that is not given back would go on without the person that it waits for.
    let patiently = patience(nil)
    try await patiently { try await session.release(as: hindrance.exit, at: context.clock.now()) }
    return hindrance.exit
  }

  /// Tells how a run ended of which every item was known, and writes the result.
  func concludeNothingNew(_ run: RunID) async throws -> ExitStatus {
    let result = await RunNotices.during(
      try await notices(of: run), look: { try await store.summary(of: run) }
    ) { .finished }
    _ = try result.get()
    return try await conclude(run)
  }

  /// A run as it is recorded; where it is known who asks to stop, a store that cannot be reached is asked again.
  private func summary(of run: RunID, _ signals: StopSignals?) async throws -> RunSummary {
    guard let signals else { return try await store.summary(of: run) }
    let patiently = patience(signals)
    return try await patiently { try await store.summary(of: run) }
  }

  /// Writes how a run stands.
  ///
  /// - Parameters:
  ///   - isLeft: whether this process owns it still, but does nothing more about it.
  ///   - signals: who asks to stop, where a store that cannot be reached is to be asked again.
  /// - Returns: the status that fits.
  func conclude(_ run: RunID, isLeft: Bool = false, _ signals: StopSignals? = nil) async throws -> ExitStatus
  {
    var summary = try await summary(of: run, signals)
    if isLeft { summary.isLive = false }
    eventLog(of: run)?.ended(summary.state, reason: summary.reason, counts: summary.counts)
    let isReadable = await events?.flush() ?? true
    // The result comes after the events: a reader that does not read these does not read it either.
    guard isReadable || events?.isStandardOutput != true else { return ExitStatus(of: summary) }
    try await delivering(run) {
      switch format {
      case .text:
        let text = RunText(now: context.clock.now(), zone: context.zone, database: database)
        var report = try await RunReport(of: run, in: store, at: context.clock.now())
        if isLeft { report.run.isLive = false }
        try await context.deliver(text.report(report))
      case .json:
        try await context.deliver(try await document(of: summary))
      }
    }
    return ExitStatus(of: summary)
  }

  private func document(of run: RunSummary) async throws -> String {
    let layout: JSONWriter.Layout = events?.isStandardOutput == true ? .compact : .pretty
    return tracks
      ? TrackingJSON.document(run, try await store.tracking(of: run.run), layout)
      : RunJSON.document(run, layout)
  }

  /// Says that a manifest is passed over because an earlier run has it, and writes how that run stands.
  func concludeSkipped(_ manifest: String, _ run: RunID) async throws {
    let summary = try await store.summary(of: run)
    let isOpen = [.planning, .running, .paused].contains(summary.state)
    context.note(
      "manifest \(VisibleText.escape(manifest)) was already submitted as run \(run) and is skipped"
        + (isOpen
          ? "; that run is unfinished: `\(VisibleText.escape(RunCommands(run: run, database: database).resume))`"
          : ""))
    guard format == .json else { return }
    try await delivering(run) { try await context.deliver(try await document(of: summary)) }
  }

  /// Writes a result; that nobody reads it changes nothing about the command's status, which still tells it.
  func delivering(_ run: RunID, _ deliver: () async throws -> Void) async throws {
    try await context.delivering(shownBy: RunCommands(run: run, database: database).report, deliver)
  }
}

extension RunSession {
  /// Waits until it is known of every chunk whether a lost owner's request may still reach the service, for a command that
  /// works on what is unknown.
  func inheritAll(in context: ProcessContext) async throws {
    guard isHeir else { return }
    var isTold = false
    while try await standing().counts.chunks(in: .submitting) > 0 {
      _ = try await inherit(at: context.clock.now())
      if !isTold {
        context.note(
          "requests of the process that was taken for lost may still reach the service; waiting until none can"
        )
      }
      isTold = true
      try await context.clock.sleep(for: .milliseconds(500))
    }
  }
}

extension ProcessContext {
  /// Writes a result that the command's status tells, too: that nobody reads it changes nothing about that.
  ///
  /// - Parameter command: shows the result.
  func delivering(shownBy command: String, _ deliver: () async throws -> Void) async throws {
    do {
      try await deliver()
    } catch is OutputClosed {
      // That is the reader's decision.
    } catch let failure as OutputFailed where failure.isClosed {
      note("warning: \(failure.reason): the result is not shown")
    } catch is OutputStuck {
      note(
        "warning: standard output is not being read, so the result was not written; `\(command)` shows it")
    }
  }
}

extension RunExecution {
  /// Variables that a notice's command does not get.
  private static let secretVariables = [KeySource.variable] + SubmitSettings.secretVariables

  /// Who tells others about a run; `nil` when nobody is to be told.
  func notices(of run: RunID) async throws -> RunNotices? {
    guard let notifier = notifier() else { return nil }
    return RunNotices(
      of: try await store.summary(of: run), notifier: notifier, clock: context.clock,
      text: noticeText(of: run))
  }

  /// Tells others; `nil` when nobody is to be told.
  func notifier() -> Notifier? {
    guard !targets.isEmpty else { return nil }
    return Notifier(
      targets: targets,
      transport: HTTPNoticeTransport(userAgent: "orchestrate/\(OrchestrateCommand.version)"),
      runner: ProcessRunner(),
      environment: CommandEnvironment.of(context.environment, without: Self.secretVariables),
      clock: context.clock, say: { [context] in context.note($0) })
  }

  /// What others are told about a run.
  func noticeText(of run: RunID) -> RunNoticeText {
    RunNoticeText(zone: context.zone, commands: RunCommands(run: run, database: database))
  }
}

/// Several observers as one, told in their order.
struct ObserverGroup: RunObserver {
  private let observers: [any RunObserver]

  /// A group of these observers.
  init(_ observers: [any RunObserver]) { self.observers = observers }

  func observe(_ event: RunEvent) {
    for observer in observers { observer.observe(event) }
  }
}
