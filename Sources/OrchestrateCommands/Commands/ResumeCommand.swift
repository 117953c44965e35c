import ArgumentParser
import BatchDomain
import ManifestReader
import Notifications
import Reporting
import ServiceHTTP

/// `orchestrate resume`: goes on with a run, at once, however its last process ended.
struct ResumeCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Resume a run that was stopped, paused or killed.",
    discussion: """
      All settings except the key are stored with the run. An option that is given changes its setting from now on; one \
      that is not given keeps the stored value (the defaults below are those of submit). Manifest, chunk size and \
      profile cannot change. Items that the service accepted are never sent again.

      EXAMPLES
        orchestrate resume latest
        orchestrate resume latest --retry rejected,failed
        orchestrate resume latest --ignore-wait
        orchestrate resume 20261123-1515 --concurrency 2
      """)

  @Argument(help: "A run id, a unique prefix of one, or `latest`.")
  var run: String

  @Option(
    help: ArgumentHelp(
      "Also resend items that were rejected or failed, with a new allowance of attempts.",
      valueName: "rejected,failed"),
    transform: { try StateList.parse($0, for: "--retry", among: [.rejected, .failed]) })
  var retry: [Set<ChunkState>] = []

  @Flag(
    name: .customLong("ignore-wait"),
    help: "End a wait that the service asked for, for every run of this database that sends to it.")
  var ignoresWait = false

  @OptionGroup(title: "Sending") var sending: SettingOptions<SendingSettings>
  @OptionGroup(title: "Access to S3") var objects: SettingOptions<ObjectSettings>
  @OptionGroup(title: "Notifications") var notifications: SettingOptions<NotificationSettings>
  @OptionGroup(title: "Store") var storeOptions: StoreOptions
  @OptionGroup(title: "Store") var patience: SettingOptions<PatienceSettings>
  @OptionGroup(title: "Output") var show: ShowOptions
  @OptionGroup(title: "Output") var eventOptions: EventOptions

  var wantsJSON: Bool { show.format == .json }
  var jsonLayout: JSONWriter.Layout { eventOptions.areOnOutput ? .compact : .pretty }

  func validate() throws { try eventOptions.check(show.format) }

  var databaseGiven: String? { storeOptions.path }

  func perform(in outer: ProcessContext) async throws -> ExitStatus {
    var console = RunConsole(show, in: outer, isOutputTaken: eventOptions.areOnOutput)
    var context = console.context
    let targets = try targets(in: context)
    let path = try storeOptions.existing(for: run, in: context)
    let store = try await StoreOpener.open(path, patience: patience.values.storePatience, in: context)
    console = console.on(store.clock)
    context = console.context
    let id = try await store.resolve(run)
    let summary = try await store.summary(of: id)
    let manifest = summary.state == .planning ? try await store.manifestFile(of: id)?.path : nil
    let events = try eventOptions.open(beside: path, manifest: manifest, in: context)
    let execution = RunExecution(
      console: console, store: store, database: storeOptions.path, format: show.format, events: events,
      targets: targets, tracks: sending.values.tracks)
    return try await EventOutput.flushing(events) {
      try await resume(summary, execution)
    }
  }

  private func resume(
    _ summary: RunSummary, _ execution: RunExecution
  ) async throws -> ExitStatus {
    let (id, store, context) = (summary.run, execution.store, execution.context)
    let signals = await StopSignals(in: context)
    if summary.state == .cancelled { try RunCopier.refuse(try await store.copyStanding(of: id), of: id) }
    let retried = retry.reduce(into: Set<ChunkState>()) { $0.formUnion($1) }
    let toRetry = retried.reduce(0) { $0 + summary.counts.items(in: $1) }
    guard summary.state != .finished || toRetry > 0 || summary.counts.items(in: .unknown) > 0 else {
      if ignoresWait { try await endWait(holding: id, in: store, context) }
      guard execution.tracks else { return try await execution.conclude(id) }
      return try await track(summary, execution, signals)
    }
    try await store.refuseOwned(id)
    guard summary.state != .cancelled else {
      throw StoreError(
        .wrongState, "run \(id) was cancelled",
        remedy: "\(command: .report(id)) has the command that sends the cancelled items")
    }
    try await context.refuseOlderCopy(summary, in: store)
    let key = try await KeySource.key(
      commandLineFile: sending.layer.values.apiKeyFile, jobFile: nil, environment: context.environment)
    let settings = try await changedSettings(of: id, in: store, context)
    try await ServiceConnections.requireCredentials(settings, in: context)
    try OpenFileLimit.requireRoom()
    if ignoresWait { try await endWait(holding: id, in: store, context) }
    return try await execution.goOn(summary, settings, key: key, signals: signals) { session in
      if !retried.isEmpty { try await putBack(retried, in: session, context) }
    }
  }

  /// Follows the items of a run in which nothing is left to send.
  private func track(
    _ run: RunSummary, _ execution: RunExecution, _ signals: StopSignals
  ) async throws -> ExitStatus {
    let context = execution.context
    let key = try await KeySource.key(
      commandLineFile: sending.layer.values.apiKeyFile, jobFile: nil, environment: context.environment)
    let settings = try await changedSettings(of: run.run, in: execution.store, context)
    let tracking = TrackExecution(
      execution: execution, key: key, route: try context.route(to: settings.baseURL), signals: signals)
    let ending = try await tracking.follow(run, settings, patience: settings.maxWait)
    return try await tracking.conclude(run.run, ending)
  }

  /// Puts items back that were rejected or failed; not in a run whose owner died while it cancelled it, which goes on
  /// being cancelled, and would take them along for good.
  private func putBack(
    _ states: Set<ChunkState>, in session: any RunSession, _ context: ProcessContext
  ) async throws {
    guard try await session.standing().request != .cancel else {
      return context.note(
        "warning: run \(session.run) is being cancelled, so that --retry puts nothing back; "
          + "`\(RunCommands(run: session.run, database: storeOptions.path).report)` has the command that resends items"
      )
    }
    _ = try await session.retry(states)
  }

  /// Ends the wait of the service by a person's word, also where nothing of the run is left to send: others are held back.
  private func endWait(
    holding run: RunID, in store: any BatchStore, _ context: ProcessContext
  ) async throws {
    let now = context.clock.now()
    guard let wait = try await store.endWaits(holding: run, at: now) else {
      return context.note("--ignore-wait: no wait is in force")
    }
    context.note(
      "--ignore-wait ends the wait until \(context.zone.text(now + wait.left(at: now), from: now)): "
        + VisibleText.escape(wait.reason, cutAt: 200))
  }

  /// Who gets notifications: what the options say, else the environment.
  private func targets(in context: ProcessContext) throws -> NoticeTargets {
    try SettingsLayers(
      commandLine: notifications.layer, environment: SettingsLayer(environment: context.environment)
    ).resolve().values.notices
  }

  /// Stores what changes from now on.
  private func changedSettings(
    of run: RunID, in store: any BatchStore, _ context: ProcessContext
  ) async throws -> RunSettings {
    let stored = try await store.settings(of: run)
    var given = try sending.layer
    try objects.apply(to: &given)
    let settings = try given.applied(to: stored)
    guard settings != stored else { return stored }
    try await store.change(settings, of: run)
    if settings.baseURL != stored.baseURL {
      context.note(
        "warning: the address changes from \(stored.baseURL) to \(settings.baseURL); chunks that are unknown "
          + "at the old address stay held")
    }
    return settings
  }
}
