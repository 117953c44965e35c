import BatchDomain
import Logging
import Notifications
import Reporting
import RunStore
import Scheduler
import TransferClient

/// Works on a run this process owns until it has to be left, and says how it was left.
struct RunExecution {
  let context: ProcessContext
  let store: SQLiteStore
  /// The database as the user named it, for commands that are shown.
  let database: String?
  let format: ResultFormat
  let progress: ProgressChoice
  let logLevel: Logger.Level
  /// Who is told about the run.
  var targets = NoticeTargets()

  /// Sends what is left and writes the result.
  func execute(
    _ session: any RunSession, key: APIKey, route: ServiceRoute, signals: StopSignals
  ) async throws -> ExitStatus {
    try await work(on: session, key: key, route: route, signals: signals, isCancelling: false)
    return try await conclude(session.run)
  }

  /// Sends what is left, or gives it up, and leaves the run.
  func work(
    on session: any RunSession, key: APIKey, route: ServiceRoute, signals: StopSignals, isCancelling: Bool
  ) async throws {
    let settings = session.settings
    let notices = try await notices(of: session)
    let service = HTTPTransferService(
      TransferClientConfiguration(
        baseURL: settings.baseURL, profile: settings.profile, key: key, concurrency: settings.concurrency,
        userAgent: "orchestrate/\(OrchestrateCommand.version)", route: route), clock: context.clock)
    let loop = RunLoop(
      session: session, service: service, clock: context.clock, random: context.random,
      observer: ObserverGroup([observer(of: session)] + (notices.map { [$0] } ?? [])))
    let result = await RunNotices.during(notices, look: { try await store.summary(of: session.run) }) {
      // Workers wait for the network most of the time, and are woken where it is read.
      try await withTaskExecutorPreference(service.executor) {
        try await loop.run(isCancelling: isCancelling, stops: signals.stops)
      }
    }
    await service.shutdown()
    _ = try result.get()
  }

  /// Writes how a run stands.
  ///
  /// - Returns: the status that fits.
  func conclude(_ run: RunID) async throws -> ExitStatus {
    let summary = try await store.summary(of: run)
    let causes = try await store.causes(of: run)
    do {
      switch format {
      case .text:
        let text = RunText(now: context.clock.now(), zone: context.zone, database: database)
        let settlements = try await store.settlements(of: run, limit: RunText.settlementsShown)
        try context.output.write(text.report(summary, causes: causes, settlements: settlements))
      case .json:
        try context.output.write(RunJSON.document(summary, .pretty))
      }
    } catch is OutputClosed {
      // Nobody reads the result; the status still tells it.
    }
    return ExitStatus(of: summary)
  }

  /// Tells a person about a run while it goes on.
  func observer(of session: any RunSession) -> RunProgress {
    var logger = Logger(label: "orchestrate") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = logLevel
    return RunProgress(
      run: session.run, settings: session.settings, context: context,
      commands: RunCommands(run: session.run, database: database), isShown: progress != .never,
      logger: logger)
  }
}
