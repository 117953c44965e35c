import BatchDomain
import Reporting
import ServiceHTTP

/// `submit --continue`: goes on with a job's unfinished run, once what its finished runs hold as unknown was settled.
struct JobContinuation {
  /// Path of the job file as it was given.
  let job: String
  let resolved: ResolvedSettings
  let execution: RunExecution
  let key: APIKey
  let signals: StopSignals
  /// Whether other runs follow.
  var isFirst = false

  private var store: any BatchStore { execution.store }
  private var context: ProcessContext { execution.context }

  /// The time without a change after which nobody asks any more about items of a finished run.
  private static let longestFollowed: Duration = .seconds(7 * 86_400)

  /// Runs that are read at a time.
  private static let pageSize = 200

  /// A run that went on.
  struct Continued {
    let run: RunID
    /// Its manifest as it was named.
    let manifest: String
    /// How it ended.
    let status: ExitStatus

    init(_ run: RunSummary, _ status: ExitStatus) {
      self.run = run.run
      manifest = run.manifest
      self.status = status
    }
  }

  /// Does what is left of earlier runs.
  ///
  /// - Returns: how the run that goes on ended; `nil` when there is none, and a new one is to begin.
  func perform() async throws -> Continued? {
    for run in try await runs().reversed() where run.state == .finished && run.counts.items(in: .unknown) > 0
    {
      try await context.refuseOlderCopy(run, in: store)
      context.note("run \(run.run) of this job holds unknown items; the service is asked about them first")
      let settings = try await changedSettings(of: run)
      let session = try await store.take(run.run, isCancelling: false, at: context.clock.now())
      try await execution.work(
        on: session, key: key, route: try context.route(to: settings.baseURL), signals: signals,
        isCancelling: false)
      if signals.isAsked { return Continued(run, try await execution.conclude(run.run)) }
    }
    // Settling puts items back that were not received, and a run with such items is unfinished again.
    let runs = try await runs()
    if execution.tracks { try await look(at: runs.reversed()) }
    for run in runs where [.planning, .running, .paused].contains(run.state) {
      try await store.refuseOwned(run.run)
      if run.state == .planning, try await isRemoved(run) { continue }
      try await context.refuseOlderCopy(run, in: store)
      context.note(
        "run \(run.run) of this job is unfinished and goes on"
          + (isFirst ? " first" : "; no new run is made"))
      let status = try await execution.goOn(
        run, try await changedSettings(of: run), key: key, signals: signals)
      return Continued(run, status)
    }
    return nil
  }

  /// Removes a run that died while it was planned and whose manifest is not there as it was: nothing of it was sent, and the list of the
  /// night has taken its place.
  private func isRemoved(_ run: RunSummary) async throws -> Bool {
    guard case .gone = try await PlannedSubmission.manifest(of: run.run, in: store) else { return false }
    try await store.planAgain(run.run).abandon()
    context.note(
      "run \(run.run) of this job died while it was being planned, and its manifest is gone or has changed since; the run was removed, "
        + "nothing of it was sent")
    return true
  }

  /// Asks once more about accepted items of finished runs that somebody followed and that are neither ready nor failed, so
  /// that following that was cut short goes on. Of runs in which nothing has changed for a week, nothing more is expected.
  private func look(at runs: [RunSummary]) async throws {
    for run in runs where run.state == .finished && !signals.isAsked {
      guard let known = try await store.tracking(of: run.run), known.states.open > 0,
        context.clock.now().since(known.changedAt ?? known.lookedAt ?? run.createdAt) < Self.longestFollowed
      else { continue }
      context.note("the service is asked about accepted items of run \(run.run) that are not indexed yet")
      let settings = try await store.settings(of: run.run)
      let tracking = TrackExecution(
        execution: execution, key: key, route: try context.route(to: settings.baseURL), signals: signals)
      tracking.note(try await tracking.follow(run, settings, patience: nil))
    }
  }

  /// What the job and the command line say holds from now on, as far as it may change once a run is planned.
  private func changedSettings(of run: RunSummary) async throws -> RunSettings {
    let stored = try await store.settings(of: run.run)
    let settings = resolved.applied(to: stored)
    if settings != stored { try await store.change(settings, of: run.run) }
    return settings
  }

  /// The runs of the job, the newest first.
  private func runs() async throws -> [RunSummary] {
    var found: [RunSummary] = []
    var before: RunID?
    while true {
      let page = try await store.summaries(before: before, limit: Self.pageSize)
      found += try page.filter { try isOfJob($0) }
      guard let last = page.last, page.count == Self.pageSize else { return found }
      before = last.run
    }
  }

  /// Whether a run was made from the job file, however its path was written then.
  private func isOfJob(_ run: RunSummary) throws -> Bool {
    guard let given = run.job else { return false }
    // An older program noted the path as it was given alone.
    let other = try run.jobPath ?? context.absolutePath(given)
    return other.utf8.elementsEqual(try context.absolutePath(job).utf8)
  }
}

extension ResolvedSettings {
  /// The settings of a planned run with those changed that were given and may change.
  fileprivate func applied(to stored: RunSettings) -> RunSettings {
    var changed = SubmitSettings()
    changed.run = stored
    let given = Set(effective.filter { $0.source != .builtIn }.map(\.key))
    for setting in SubmitSettings.table where setting.resuming == .changes && given.contains(setting.key) {
      setting.take(&changed, values)
    }
    return changed.run
  }
}
