import ArgumentParser
import BatchDomain
import Foundation
import ManifestReader
import Reporting
import ServiceHTTP

/// `orchestrate submit`: plans a manifest and sends it.
struct SubmitCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "submit", abstract: "Record a manifest and send it, chunk by chunk.",
    discussion: """
      The run id is printed on standard error before the first request is sent. A manifest is not sent to the same \
      address twice unless --again is given. A job file has the same settings under the same names; the command line \
      takes precedence.

      EXAMPLES
        orchestrate submit videos.json --dry-run
        orchestrate submit videos.json
        orchestrate submit videos.json --chunk-size 100 --concurrency 8 --rate 50/min
        orchestrate submit tonight.json --new-only
        orchestrate submit --job jobs/nightly.yaml
        zcat videos.json.gz | orchestrate submit -
      """)

  @Argument(help: "The manifest: a JSON array or JSON lines, either gzipped; `-` reads standard input.")
  var manifest: String?

  @Option(help: ArgumentHelp("A job file with the same settings under the same names.", valueName: "file"))
  var job: String?

  @OptionGroup var general: SettingOptions<GeneralSettings>

  @Flag(
    inversion: .prefixedNo,
    help: "Send a manifest again that was already submitted; with --new-only, send all of it.")
  var again = false

  @Flag(
    name: .customLong("continue"), inversion: .prefixedNo,
    help: "Continue the job's unfinished run if there is one, else start a new one. Needs --job.")
  var continues = false

  @Flag(
    name: .customLong("dry-run"), inversion: .prefixedNo,
    help: "Check everything and show the plan; record and send nothing.")
  var isDryRun = false

  @Flag(
    name: .customLong("track"),
    help: "Once everything is sent, follow the accepted items until each is indexed or failed.")
  var tracks = false

  @OptionGroup(title: "Plan") var plan: SettingOptions<PlanSettings>
  @OptionGroup(title: "Sending") var sending: SettingOptions<SendingSettings>
  @OptionGroup(title: "Access to S3") var objects: SettingOptions<ObjectSettings>
  @OptionGroup(title: "Notifications") var notifications: SettingOptions<NotificationSettings>
  @OptionGroup(title: "Store") var storeOptions: StoreOptions
  @OptionGroup(title: "Output") var show: ShowOptions
  @OptionGroup(title: "Output") var eventOptions: EventOptions

  var wantsJSON: Bool { show.format == .json }
  var jsonLayout: JSONWriter.Layout { eventOptions.areOnOutput ? .compact : .pretty }

  func validate() throws {
    guard manifest != nil || job != nil else {
      throw ValidationError("Nothing to submit: give a manifest, or a job file with --job.")
    }
    guard !continues || job != nil else {
      throw ValidationError("--continue looks for the unfinished run of a job: name the job file with --job.")
    }
    guard !continues || !isDryRun else {
      throw ValidationError("--dry-run shows the plan of a new run: leave --continue out.")
    }
    try eventOptions.check(show.format)
  }

  var databaseGiven: String? { storeOptions.path }

  func perform(in outer: ProcessContext) async throws -> ExitStatus {
    let console = RunConsole(show, in: outer, isOutputTaken: eventOptions.areOnOutput)
    let context = console.context
    let resolved = try settings(in: context)
    guard let path = try resolved.values.manifest.map(context.path) else {
      throw CommandFailure(
        .badInput, code: "no_manifest", "the job file \(job ?? "") names no manifest",
        remedy: "add `manifest:` to it, or name the manifest on the command line")
    }
    if isDryRun {
      return try await DryRun(
        resolved: resolved, manifest: path, format: show.format, console: console, isAgain: again
      ).perform()
    }
    let key = try await KeySource.key(
      commandLineFile: sending.layer.values.apiKeyFile, jobFile: resolved.values.apiKeyFile,
      environment: context.environment)
    let route = try context.route(to: resolved.settings.baseURL)
    try await ServiceConnections.requireCredentials(resolved.settings, in: context)
    try OpenFileLimit.requireRoom()
    // Opened before the store is, so that a mistyped path leaves nothing behind; a run that goes on needs no manifest.
    let opened = continues ? nil : try ManifestSource(path: path)
    let signals = await StopSignals()
    let database = try DatabasePath.resolve(given: resolved.values.db, environment: context.environment)
    try refuseDatabaseAsManifest(path, database)
    let events = try eventOptions.open(beside: database, manifest: path, in: context)
    let store = try await StoreOpener.open(database, clock: context.clock)
    let name = nameToShow(resolved, context)
    let execution = RunExecution(
      console: console, store: store, database: name, format: show.format, events: events,
      targets: resolved.values.notices, tracks: tracks)
    do {
      return try await EventOutput.flushing(events) {
        if continues, let job {
          let continuation = JobContinuation(
            job: job, resolved: resolved, execution: execution, key: key, signals: signals)
          if let status = try await continuation.perform() { return status }
        }
        let source = try opened ?? ManifestSource(path: path)
        return try await submit(source, path, resolved, execution, key: key, route: route, signals: signals)
      }
    } catch let error as any AdvisedError {
      // The database of a job file has to be named, too.
      throw CommandFailure(error, database: name)
    }
  }

  private func submit(
    _ source: ManifestSource, _ path: String, _ resolved: ResolvedSettings, _ execution: RunExecution,
    key: APIKey, route: ServiceRoute, signals: StopSignals
  ) async throws -> ExitStatus {
    let (store, context) = (execution.store, execution.context)
    var settings = resolved.settings
    // With --again all of it is sent, also when it is planned again.
    if again { settings.newOnly = false }
    let planning = try await store.plan(
      RunDraft(
        createdAt: context.clock.now(), random: context.random.next(), name: resolved.values.name, job: job,
        manifest: path, manifestFile: path == "-" ? nil : source.file.map(ManifestFile.init), isAgain: again,
        settings: settings))
    execution.console.tidy(signals, "exited immediately: nothing was sent")
    let submission = PlannedSubmission(
      planning: planning, settings: settings, manifest: path, execution: execution, isAgain: again)
    signals.endAtOnce(source.file == nil || path == "-")
    let planned = try await submission.plan(source, isStopped: { signals.isAsked })
    signals.endAtOnce(false)
    switch planned {
    case .stopped:
      context.note("stopped while planning run \(planning.run): nothing was sent")
      return try await execution.conclude(planning.run, isLeft: true)
    case .nothingNew:
      return try await execution.concludeNothingNew(planning.run)
    case .planned(let session):
      return try await execution.execute(session, key: key, route: route, signals: signals, isNew: true)
    }
  }

  /// The database as advised commands have to name it: not at all where the environment or the default does.
  private func nameToShow(_ resolved: ResolvedSettings, _ context: ProcessContext) -> String? {
    let isGiven = storeOptions.path != nil || (context.environment[DatabasePath.variable] ?? "").isEmpty
    return isGiven ? resolved.values.db : nil
  }

  /// Reading the database as a manifest would end in closing it beside SQLite, which drops SQLite's locks.
  private func refuseDatabaseAsManifest(_ manifest: String, _ database: String) throws {
    guard manifest != "-", DatabaseFiles.contain(manifest, of: database) else { return }
    throw CommandFailure(
      .badInput, code: "manifest_is_database",
      "manifest \(VisibleText.escape(manifest)) is the database itself, or belongs to it",
      remedy: "name the file that lists the videos")
  }

  private func settings(in context: ProcessContext) throws -> ResolvedSettings {
    var given = SettingsLayer()
    try general.apply(to: &given)
    try plan.apply(to: &given)
    try sending.apply(to: &given)
    try objects.apply(to: &given)
    try notifications.apply(to: &given)
    if let manifest { given.give("manifest", \.manifest, manifest) }
    if let path = storeOptions.path { given.give("db", \.db, path) }
    let jobFile = try job.map {
      try JobFile.load(try context.path($0), home: context.environment["HOME"] ?? "")
    }
    return try SettingsLayers(
      commandLine: given, environment: SettingsLayer(environment: context.environment),
      jobFile: jobFile?.layer ?? SettingsLayer()
    ).resolve()
  }
}

extension ManifestFile {
  /// The file as the manifest reader found it, its path made absolute: `resume` may be run from elsewhere.
  init(_ facts: ManifestSource.FileFacts) {
    self.init(
      path: URL(fileURLWithPath: facts.path).path, bytes: Int64(facts.byteCount),
      modifiedAt: Timestamp(milliseconds: Int64(facts.modifiedAtMilliseconds)))
  }
}
