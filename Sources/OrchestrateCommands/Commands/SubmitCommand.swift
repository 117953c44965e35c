import ArgumentParser
import BatchDomain
import Foundation
import ManifestReader
import Notifications
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
        orchestrate submit videos.json --detach --db postgresql://db.internal/orchestrate
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

  @Flag(help: "Plan the run and leave it for `orchestrate worker`; needs no API key.")
  var detach = false

  @OptionGroup(title: "Plan") var plan: SettingOptions<PlanSettings>
  @OptionGroup(title: "Sending") var sending: SettingOptions<SendingSettings>
  @OptionGroup(title: "Access to S3") var objects: SettingOptions<ObjectSettings>
  @OptionGroup(title: "Notifications") var notifications: SettingOptions<NotificationSettings>
  @OptionGroup(title: "Store") var storeOptions: StoreOptions
  @OptionGroup(title: "Store") var patience: SettingOptions<PatienceSettings>
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
    guard !detach || !continues && !isDryRun else {
      throw ValidationError("--detach leaves a new run for a worker: leave --continue and --dry-run out.")
    }
    try eventOptions.check(show.format)
  }

  var databaseGiven: String? { storeOptions.path }

  func perform(in outer: ProcessContext) async throws -> ExitStatus {
    var console = RunConsole(show, in: outer, isOutputTaken: eventOptions.areOnOutput)
    let context = console.context
    let resolved = try settings(in: context)
    let named = resolved.values.manifests
    guard let first = named.names.first else {
      throw CommandFailure(
        .badInput, code: "no_manifest", "the job file \(job ?? "") names no manifest",
        remedy: "add `manifest:` to it, or name the manifest on the command line")
    }
    let path = try context.path(first)
    guard !isDryRun else { return try await dryRun(named, path, resolved, console) }
    if detach, resolved.values.tracks || resolved.values.notices != NoticeTargets() {
      context.note("warning: a worker sends this run: nothing tracks it afterwards, and nobody is notified")
    }
    let access = detach ? nil : try await access(resolved, manifest: path, context)
    // Opened before the store is, so that a mistyped path leaves nothing behind; a run that goes on needs no manifest.
    let opened = continues || named.areSeveral ? nil : try ManifestSource(path: path)
    if !continues, named.areSeveral { _ = try named.files() }
    let signals = await StopSignals(in: context)
    let database = try DatabasePath.resolve(given: resolved.values.db, environment: context.environment)
    if !named.areSeveral { try refuseDatabaseAsManifest(path, database) }
    let events = try eventOptions.open(
      beside: database, manifest: named.areSeveral ? nil : path, in: context)
    let store = try await StoreOpener.open(
      database, createsSchema: true, patience: resolved.values.storePatience, in: context)
    console = console.on(store.clock)
    let name = nameToShow(resolved, context)
    let submission = Submission(
      resolved: resolved, access: access, signals: signals, database: database,
      execution: RunExecution(
        console: console, store: store, database: name, format: show.format, events: events,
        targets: resolved.values.notices, tracks: resolved.values.tracks))
    do {
      return try await EventOutput.flushing(events) {
        guard !named.areSeveral else { return try await submit(named, submission) }
        if let continued = try await continuation(submission)?.perform() { return continued.status }
        let source = try opened ?? ManifestSource(path: path)
        return try await submit(source, path, submission).status
      }
    } catch let error as any AdvisedError {
      // The database of a job file has to be named, too.
      throw CommandFailure(error, database: name)
    }
  }

  /// What it takes to send.
  private struct Access {
    let key: APIKey
    let route: ServiceRoute
  }

  private func access(
    _ resolved: ResolvedSettings, manifest: String, _ context: ProcessContext
  ) async throws -> Access {
    let key = try await KeySource.key(
      commandLineFile: sending.layer.values.apiKeyFile, jobFile: resolved.values.apiKeyFile,
      environment: context.environment, besides: manifest)
    let route = try context.route(to: resolved.settings.baseURL)
    try await ServiceConnections.requireCredentials(resolved.settings, in: context)
    try OpenFileLimit.requireRoom()
    return Access(key: key, route: route)
  }

  /// What the submission of each manifest needs.
  private struct Submission {
    let resolved: ResolvedSettings
    /// What sending needs; `nil` where a worker sends.
    let access: Access?
    let signals: StopSignals
    /// Path of the database.
    let database: String
    var execution: RunExecution

    /// The same with its result going through another console.
    func delivering(through console: RunConsole) -> Submission {
      var copy = self
      copy.execution.console = console
      return copy
    }
  }

  /// What is left of earlier runs of the job; `nil` where nobody asks for that.
  private func continuation(_ submission: Submission, isFirst: Bool = false) -> JobContinuation? {
    guard continues, let job, let access = submission.access else { return nil }
    return JobContinuation(
      job: job, resolved: submission.resolved, execution: submission.execution, key: access.key,
      signals: submission.signals, isFirst: isFirst)
  }

  /// Submits several manifests, each as a run of its own.
  private func submit(_ named: ManifestNames, _ submission: Submission) async throws -> ExitStatus {
    let execution = submission.execution
    var several = SeveralManifests(
      console: execution.console, format: show.format, layout: jsonLayout, database: execution.database)
    var continued: JobContinuation.Continued?
    try await several.work(on: nil) { console in
      continued = try await continuation(submission.delivering(through: console), isFirst: true)?.perform()
      return continued.map { SeveralManifests.Outcome(manifest: $0.manifest, status: $0.status) }
    }
    var left = 0
    if several.isOver {
      left = await notBegun(of: named, after: continued?.run, execution)
    } else {
      var files: [String] = []
      if continued == nil {
        files = try named.files()
      } else {
        // The result of the run that went on is told all the same.
        try await several.work(on: nil) { _ in
          files = try named.files()
          return nil
        }
      }
      for (number, file) in files.enumerated() {
        guard !several.isOver, !submission.signals.isAsked else {
          left = files.count - number
          break
        }
        execution.context.note("manifest \(number + 1) of \(files.count): \(VisibleText.escape(file))")
        try await several.work(on: file) { console in
          try refuseDatabaseAsManifest(file, submission.database)
          try eventOptions.refuse(file, in: console.context)
          let (status, isSkipped) = try await submit(
            try ManifestSource(path: file), file, submission.delivering(through: console),
            isOneOfSeveral: true)
          return SeveralManifests.Outcome(manifest: file, status: status, isSkipped: isSkipped)
        }
      }
    }
    return try await several.conclude(left: left)
  }

  /// How many files follow the one whose run was continued, in the order in which they are sent; all of them where it is
  /// not among them, or where no run could be continued.
  private func notBegun(of named: ManifestNames, after run: RunID?, _ execution: RunExecution) async -> Int {
    do {
      let files = try named.files()
      guard let run, let last = try await execution.store.manifestFile(of: run)?.path else {
        return files.count
      }
      let place = files.firstIndex { URL(fileURLWithPath: $0).path.utf8.elementsEqual(last.utf8) }
      return files.count - (place.map { $0 + 1 } ?? 0)
    } catch {
      // The result of the continued run is still told.
      execution.context.note("warning: how many manifests of this job are left is not known: \(error)")
      return 0
    }
  }

  private func dryRun(
    _ named: ManifestNames, _ path: String, _ resolved: ResolvedSettings, _ console: RunConsole
  ) async throws -> ExitStatus {
    func plan(_ path: String, _ console: RunConsole) async throws -> ExitStatus {
      try await DryRun(
        resolved: resolved, manifest: path, format: show.format, console: console, isAgain: again,
        skipsRepeats: named.areSeveral
      ).perform()
    }
    guard named.areSeveral else { return try await plan(path, console) }
    var several = SeveralManifests(
      console: console, format: show.format, layout: jsonLayout, database: resolved.values.db)
    let files = try named.files()
    for (number, file) in files.enumerated() where !several.isOver {
      console.context.note("manifest \(number + 1) of \(files.count): \(VisibleText.escape(file))")
      try await several.work(on: file) { console in
        SeveralManifests.Outcome(manifest: file, status: try await plan(file, console))
      }
    }
    return try await several.conclude(left: 0)
  }

  /// Submits one manifest.
  ///
  /// - Parameter isOneOfSeveral: whether it is passed over where an earlier run has it.
  /// - Returns: how that ended, and whether it was passed over.
  private func submit(
    _ source: ManifestSource, _ path: String, _ submission: Submission, isOneOfSeveral: Bool = false
  ) async throws -> (status: ExitStatus, isSkipped: Bool) {
    let (execution, signals) = (submission.execution, submission.signals)
    let (store, context) = (execution.store, execution.context)
    var settings = submission.resolved.settings
    // With --again all of it is sent, also when it is planned again.
    if again { settings.newOnly = false }
    let planning = try await store.plan(
      RunDraft(
        createdAt: context.clock.now(), random: context.random.next(), name: submission.resolved.values.name,
        job: job, jobPath: try job.map(context.absolutePath), manifest: path,
        manifestFile: path == "-" ? nil : source.file.map(ManifestFile.init),
        isAgain: again, settings: settings))
    execution.console.tidy(signals, "exited immediately: nothing was sent")
    let planned = PlannedSubmission(
      planning: planning, settings: settings, manifest: path, execution: execution, isAgain: again,
      skipsRepeats: isOneOfSeveral)
    signals.endAtOnce(source.file == nil || path == "-")
    let outcome = try await planned.plan(source, isStopped: { signals.isAsked })
    signals.endAtOnce(false)
    switch outcome {
    case .stopped:
      context.note("stopped while planning run \(planning.run): nothing was sent")
      return (try await execution.conclude(planning.run, isLeft: true), false)
    case .nothingNew:
      return (try await execution.concludeNothingNew(planning.run), false)
    case .submittedBefore(let run):
      try await execution.concludeSkipped(path, run)
      return (.done, true)
    case .planned(let session):
      guard let access = submission.access else {
        try await session.release(as: .paused(.detached, detail: nil), at: context.clock.now())
        _ = try await execution.conclude(session.run)
        return (.done, false)
      }
      let status = try await execution.execute(
        session, key: access.key, route: access.route, signals: signals, isNew: true)
      return (status, false)
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
    if let manifest { given.give("manifest", \.manifests, ManifestNames([manifest])) }
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
