import ArgumentParser
import BatchDomain
import Notifications
import Reporting
import ServiceHTTP

/// `orchestrate track`: what the service makes of the items that it accepted.
struct TrackCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "track", abstract: "Follow accepted items until the service has indexed them.",
    discussion: """
      Accepted is not yet indexed. Reads the service's listings page by page and records the state of each accepted item: \
      not_seen, waiting, indexing, ready, failed (with the service's reason) or ambiguous. Looks once; with --wait, looks \
      until every item is ready or failed, or until nothing has changed for --max-wait. Works while the run is being sent \
      and after it, changes nothing at the service, and can be stopped and started again at any time.

      Exits with 0 when every accepted item is ready, 1 when all are ready or failed, 7 when some are neither, 3 when it \
      was stopped early, 4 when the service refuses the key, the account or the address.

      EXAMPLES
        orchestrate track latest
        orchestrate track latest --wait --max-wait 2h
        orchestrate export latest --state index_failed > failed.json
      """)

  @Argument(help: "A run id, a unique prefix of one, or `latest`.")
  var run: String

  @Flag(name: .customLong("wait"), help: "Look again and again until every accepted item is ready or failed.")
  var waits = false

  @Option(
    name: .customLong("max-wait"),
    help: ArgumentHelp(
      "With --wait: end when nothing has changed for that long. Default: the run's --max-wait.",
      valueName: "duration"),
    transform: { try DurationText.parse($0, for: "--max-wait", allowingZero: true) })
  var maxWait: Duration?

  @OptionGroup var keyOptions: SettingOptions<KeySettings>
  @OptionGroup(title: "Notifications") var notifications: SettingOptions<NotificationSettings>
  @OptionGroup(title: "Store") var storeOptions: StoreOptions
  @OptionGroup(title: "Output") var show: ShowOptions
  @OptionGroup(title: "Output") var eventOptions: EventOptions

  var wantsJSON: Bool { show.format == .json }
  var jsonLayout: JSONWriter.Layout { eventOptions.areOnOutput ? .compact : .pretty }

  func validate() throws {
    if maxWait != nil, !waits { throw ValidationError("--max-wait needs --wait.") }
    try eventOptions.check(show.format)
  }

  var databaseGiven: String? { storeOptions.path }

  func perform(in outer: ProcessContext) async throws -> ExitStatus {
    var console = RunConsole(show, in: outer, isOutputTaken: eventOptions.areOnOutput)
    var context = console.context
    let targets = try SettingsLayers(
      commandLine: notifications.layer, environment: SettingsLayer(environment: context.environment)
    ).resolve().values.notices
    let path = try storeOptions.existing(for: run, in: context)
    let store = try await StoreOpener.open(path, in: context)
    console = console.on(store.clock)
    context = console.context
    let summary = try await store.summary(of: try await store.resolve(run))
    guard summary.state != .planning else {
      throw StoreError(
        .wrongState, "run \(summary.run) is still being planned; nothing was sent",
        remedy: "\(command: .report(summary.run)) shows how it stands")
    }
    let key = try await KeySource.key(
      commandLineFile: keyOptions.layer.values.apiKeyFile, jobFile: nil, environment: context.environment)
    let settings = try await store.settings(of: summary.run)
    let route = try context.route(to: settings.baseURL)
    let events = try eventOptions.open(beside: path, manifest: nil, in: context)
    let signals = await StopSignals(in: context)
    let tracking = TrackExecution(
      execution: RunExecution(
        console: console, store: store, database: storeOptions.path, format: show.format, events: events,
        targets: targets, tracks: true),
      key: key, route: route, signals: signals)
    return try await EventOutput.flushing(events) {
      let ending = try await tracking.follow(
        summary, settings, patience: waits ? maxWait ?? settings.maxWait : nil)
      return try await tracking.show(summary.run, ending)
    }
  }
}
