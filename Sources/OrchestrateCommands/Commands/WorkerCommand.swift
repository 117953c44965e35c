import ArgumentParser
import BatchDomain
import Dashboard
import Dispatcher
import Reporting
import ServiceHTTP

/// `orchestrate worker`: sends the runs of a database that nobody sends, one after the other.
struct WorkerCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "Send runs that were left for a worker, and runs whose process was lost.",
    discussion: """
      Takes runs that `submit --detach` planned, runs that another worker gave back, and runs whose process died or was not \
      heard of for 15 seconds: the oldest first, one at a time. Runs that are paused for another reason are left alone. The \
      first signal waits for the requests in flight, gives the run back and exits with status 0.

      EXAMPLES
        orchestrate worker --db postgresql://db.internal/orchestrate
        orchestrate worker --db postgresql://db.internal/orchestrate --idle-exit 10m --health-port 8080
      """)

  @Option(
    name: .customLong("idle-exit"),
    help: ArgumentHelp(
      "Exit when there was nothing to take for so long. Default: never.", valueName: "duration"),
    transform: { try DurationText.parse($0, for: "--idle-exit") })
  var idleExit: Duration?

  @Option(
    name: .customLong("health-port"),
    help: ArgumentHelp(
      "Answer GET /healthz on this port, on every address of the machine: 200, or 503 while the database is not reached.",
      valueName: "n"),
    transform: { try WholeNumberText.parse($0, for: "--health-port", in: 0...65_535) })
  var healthPort: Int?

  @OptionGroup var keyOptions: SettingOptions<KeySettings>
  @OptionGroup(title: "Notifications") var notifications: SettingOptions<NotificationSettings>
  @OptionGroup(title: "Store") var storeOptions: StoreOptions
  @OptionGroup(title: "Store") var patience: SettingOptions<PatienceSettings>
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var databaseGiven: String? { storeOptions.path }

  /// How often an idle worker looks for a run.
  private static let lookInterval: Duration = .milliseconds(500)

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let key = try await KeySource.key(
      commandLineFile: keyOptions.layer.values.apiKeyFile, jobFile: nil, environment: context.environment)
    let targets = try SettingsLayers(
      commandLine: notifications.layer, environment: SettingsLayer(environment: context.environment)
    ).resolve().values.notices
    try OpenFileLimit.requireRoom()
    let path = try storeOptions.existing(in: context)
    let signals = await StopSignals(in: context)
    let store = try await StoreOpener.open(path, patience: patience.values.storePatience, in: context)
    let console = RunConsole(progress, in: context).on(store.clock)
    let execution = RunExecution(
      console: console, store: store, database: storeOptions.path, format: .text, targets: targets,
      givesBack: true)
    let health = try await health(of: store, console.context)
    do {
      let status = try await work(execution, key: key, signals: signals)
      await health?.stop()
      return status
    } catch {
      await health?.stop()
      throw error
    }
  }

  /// Takes one run after the other until a signal comes, or nothing is to be taken for too long.
  private func work(
    _ execution: RunExecution, key: APIKey, signals: StopSignals
  ) async throws -> ExitStatus {
    let (store, context) = (execution.store, execution.context)
    var isIdleSince = context.clock.elapsed()
    var aside = Aside()
    var trouble: Duration?
    while !signals.isAsked {
      var runs: [RunID] = []
      do {
        runs = try await store.runsToTake()
        trouble = nil
      } catch let error as StoreError where error.isTransient {
        let since = trouble ?? context.clock.elapsed()
        if trouble == nil { context.note("warning: \(VisibleText.escape(error.description)); trying again") }
        trouble = since
        // Whether there is something to take is not known meanwhile.
        isIdleSince = context.clock.elapsed()
        guard context.clock.elapsed() - since < store.patience else { throw error }
      }
      if let run = try await takeFirst(of: runs, &aside, execution, key: key, signals: signals) {
        // What this process was confirmed is not in the database any more: it must not judge any other run by it.
        let reason = try await execution.patience(signals)({ try await store.summary(of: run).reason })
        if reason == .failedOver { return .stopped }
        isIdleSince = context.clock.elapsed()
        continue
      }
      // A run whose window opens later is work for this worker.
      if runs.contains(where: { aside.closed[$0] != nil }) { isIdleSince = context.clock.elapsed() }
      if let idleExit, context.clock.elapsed() - isIdleSince >= idleExit {
        context.note("nothing to take for \(DurationText.format(idleExit)): exiting")
        return .done
      }
      try await context.clock.sleep(for: Self.lookInterval)
    }
    return .done
  }

  /// Runs that are left alone for now.
  private struct Aside {
    /// Runs for which this worker lacks something.
    var unable: Set<RunID> = []
    /// Runs outside their windows, and when each is looked at again.
    var closed: [RunID: Timestamp] = [:]
  }

  /// How long the settings of a run outside its windows are taken to stay as they are.
  private static let longestClosed: Duration = .seconds(60)

  /// Works on the first run that can be taken.
  ///
  /// - Returns: that run; `nil` when there was none.
  private func takeFirst(
    of runs: [RunID], _ aside: inout Aside, _ execution: RunExecution, key: APIKey, signals: StopSignals
  ) async throws -> RunID? {
    for run in runs where !aside.unable.contains(run) && !signals.isAsked {
      let now = execution.context.clock.now()
      if let moment = aside.closed[run], now < moment { continue }
      switch try await take(run, execution, key: key, signals: signals) {
      case .worked:
        aside.closed[run] = nil
        return run
      case .taken: aside.closed[run] = nil
      case .unable: aside.unable.insert(run)
      case .closed(let opening):
        if aside.closed[run] == nil {
          execution.context.note("run \(run) is left until its window opens at \(opening)")
        }
        aside.closed[run] = min(opening, now + Self.longestClosed)
      }
    }
    return nil
  }

  /// What came of a run that was to be taken.
  private enum Taking {
    case worked
    /// Another process was faster.
    case taken
    /// This worker lacks something that the run needs.
    case unable
    /// Its next window opens then, and until then it would only keep this worker from other runs.
    case closed(until: Timestamp)
  }

  private func take(
    _ run: RunID, _ execution: RunExecution, key: APIKey, signals: StopSignals
  ) async throws -> Taking {
    let (store, context) = (execution.store, execution.context)
    let patiently = execution.patience(signals)
    let settings = try await patiently { try await store.settings(of: run) }
    if !settings.exitsOutside, let wait = settings.windowWait(at: context.clock.now()) {
      return .closed(until: wait.until)
    }
    let route = try context.route(to: settings.baseURL)
    do {
      try await patiently {
        try await context.refuseOlderCopy(try await store.summary(of: run), in: store)
      }
      try await ServiceConnections.requireCredentials(settings, in: context)
    } catch let error as StoreError where error.code == .noSuchRun {
      return .taken
    } catch let error as StoreError where error.isTransient || error.code == .schema {
      throw error
    } catch {
      context.note("warning: run \(run) is left alone: \(VisibleText.escape("\(error)"))")
      return .unable
    }
    let session: any RunSession
    do {
      session = try await patiently {
        try await store.take(run, isCancelling: false, isUnattended: true, at: context.clock.now())
      }
    } catch let error as StoreError where [.owned, .wrongState, .noSuchRun].contains(error.code) {
      return .taken
    }
    let standing = try await patiently { try await session.standing() }
    context.note(
      RunProgressText(zone: context.zone).resumed(run, items: standing.items, counts: standing.counts))
    if let host = standing.formerHost {
      context.note("run \(run) was last worked on by the host \(VisibleText.escape(host))")
    }
    _ = try await execution.execute(session, key: key, route: route, signals: signals, isNew: false)
    return .worked
  }

  private func health(of store: any BatchStore, _ context: ProcessContext) async throws -> HealthServer? {
    guard let healthPort else { return nil }
    do {
      let server = try await HealthServer.start(port: healthPort) { store.silence }
      context.note("health at port \(server.port), /healthz")
      return server
    } catch let error as DashboardServer.BindError {
      throw CommandFailure(
        .badInput, code: "port_unavailable", "\(error)",
        remedy: "name another port with --health-port; 0 takes a free one")
    }
  }
}
