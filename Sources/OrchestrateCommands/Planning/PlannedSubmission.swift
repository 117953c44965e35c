import BatchDomain
import ManifestReader
import Reporting

/// Takes a run from an empty plan to one that can be sent, or removes it without a trace.
struct PlannedSubmission {
  let planning: any PlanningSession
  let settings: RunSettings
  let manifest: String
  let execution: RunExecution
  /// Whether the person said that what was submitted before is to be sent again.
  var isAgain = false
  /// Whether a manifest that was submitted before is passed over: it is one of several.
  var skipsRepeats = false

  private var console: RunConsole { execution.console }
  private var context: ProcessContext { console.context }

  /// What planning came to.
  enum Outcome {
    /// The run can be sent.
    case planned(any RunSession)
    /// Every item is known, and the run is finished.
    case nothingNew
    /// An earlier run has this manifest: nothing was recorded.
    case submittedBefore(RunID)
    /// It was stopped: the run stays in state `planning` and `resume` plans it again.
    case stopped
  }

  /// Plans.
  ///
  /// - Throws: ``CommandFailure`` and the errors of the reader and the store; the run is then removed.
  func plan(_ source: ManifestSource, isStopped: @Sendable () -> Bool) async throws -> Outcome {
    guard !settings.newOnly else { return try await planNew(source, isStopped: isStopped) }
    let plan: RunPlanner.Plan
    do {
      let progress = PlanningProgress(console, manifest: manifest, totalBytes: source.file?.byteCount)
      let planner = RunPlanner(settings: settings, session: planning, progress: progress)
      let made = try await progress.during { try await planner.plan(source, isStopped: isStopped) }
      guard let made else { return .stopped }
      plan = made
      let verdict = ManifestVerdict(findings: plan.findings, manifest: manifest, isStrict: settings.strict)
      if let refusal = verdict.refusal { throw refusal }
      if !verdict.text.isEmpty { context.note(verdict.text.trimmingLineEnd()) }
    } catch let error as StoreError {
      // What cannot be written cannot be removed either; `resume` plans the run again.
      throw error
    } catch {
      try await planning.abandon()
      throw error
    }
    noteLimit(plan)
    switch try await planning.complete(plan.totals, at: context.clock.now()) {
    case .repeats(let earlier):
      try await planning.abandon()
      guard !skipsRepeats else { return .submittedBefore(earlier) }
      throw try await Self.repetition(manifest, of: earlier, settings, in: execution.store)
    case .planned(let session):
      noteRecorded(plan)
      if !isAgain { try await warnOfKnownItems(of: plan.items, isStopped: isStopped) }
      return .planned(session)
    case .nothingNew, .outdated:
      throw StoreError(.internal, "run \(planning.run) left nothing out, and was planned as if it had")
    }
  }

  private func noteLimit(_ plan: RunPlanner.Plan) {
    guard plan.limitReached, let limit = settings.limit else { return }
    context.note(
      "--limit \(limit): reading stopped after \(HumanNumber.text(plan.items, "distinct item"))")
  }

  private func noteRecorded(_ plan: RunPlanner.Plan) {
    context.note(
      RunProgressText(zone: context.zone).recorded(planning.run, items: plan.items, chunks: plan.chunks))
    execution.eventLog(of: planning.run)?.planned(
      items: plan.items, repeated: plan.repeated, chunks: plan.chunks)
  }

  /// Plans what is new.
  private func planNew(_ source: ManifestSource, isStopped: @Sendable () -> Bool) async throws -> Outcome {
    do {
      let scope = KnownScope(settings, except: planning.run)
      let progress = PlanningProgress(console, manifest: manifest, totalBytes: source.file?.byteCount)
      return try await ComparedManifest.read(
        source, settings, comparison: try await execution.store.comparison(scope), progress: progress,
        context: context, isStopped: isStopped
      ) { try await complete($0, isStopped: isStopped) } ?? .stopped
    } catch let error as StoreError {
      // What cannot be written cannot be removed either; `resume` plans the run again.
      throw error
    } catch {
      try await planning.abandon()
      throw error
    }
  }

  /// Records what is new in a manifest; again, when another run was planned meanwhile.
  private func complete(
    _ manifest: ComparedManifest, isStopped: @Sendable () -> Bool
  ) async throws -> Outcome? {
    var verdict = ManifestVerdict(
      findings: manifest.whole.findings, manifest: self.manifest, isStrict: settings.strict)
    if let refusal = verdict.refusal { throw refusal }
    while true {
      guard let known = try await manifest.comparison.result(isStopped: isStopped),
        let plan = try await manifest.planNew(known, settings, in: planning, isStopped: isStopped)
      else { return nil }
      let totals = PlanTotals(
        items: plan.items, repeated: plan.repeated, digest: plan.digest,
        skips: PlanTotals.Skips(
          groups: known.groups, revision: known.revision, itemsDigest: plan.itemsDigest,
          refusesRepeats: skipsRepeats))
      let completion = try await planning.complete(totals, at: context.clock.now())
      switch completion {
      case .outdated:
        try await planning.clear()
        continue
      case .repeats(let earlier):
        try await planning.abandon()
        return .submittedBefore(earlier)
      case .planned, .nothingNew: break
      }
      verdict.changes = try await manifest.findings(known)
      if !verdict.text.isEmpty { context.note(verdict.text.trimmingLineEnd()) }
      for line in SkippedText(database: execution.database).lines(known.groups) { context.note(line) }
      noteLimit(plan)
      noteRecorded(plan)
      if case .planned(let session) = completion { return .planned(session) }
      return .nothingNew
    }
  }

  /// Says what was accepted before. That this cannot be told is no reason not to send: the run is recorded, and what is
  /// wrong with the store is met by its first change.
  private func warnOfKnownItems(of items: Int, isStopped: @Sendable () -> Bool) async throws {
    do {
      let before = try await execution.store.acceptedBefore(
        planning, in: KnownScope(settings, except: planning.run), isStopped: isStopped)
      if let before { context.note(before.warning(items: items, database: execution.database)) }
    } catch let error as StoreError {
      context.note(
        "warning: cannot tell whether items were accepted before: \(VisibleText.escape(error.description))")
    }
  }
}

extension PlannedSubmission {
  /// Why a manifest is not submitted again.
  ///
  /// - Parameter earlier: the run that has it.
  static func repetition(
    _ manifest: String, of earlier: RunID, _ settings: RunSettings, in store: any RunCatalog
  ) async throws -> CommandFailure {
    let name = VisibleText.escape(manifest)
    let again: Remedy = "\(command: .submit(manifest, settings)) submits all of it once more"
    guard try await store.removal(of: earlier) == nil else {
      return CommandFailure(
        .badInput, code: "already_submitted",
        "manifest \(name) was already submitted to \(settings.baseURL) as run \(earlier), which was removed since",
        remedy: "--new-only sends what is new, \(again)")
    }
    let run = try await store.summary(of: earlier)
    guard run.reason != .copied else {
      let there = VisibleText.escape(RunCommands(run: earlier, database: run.detail).resume)
      return CommandFailure(
        .badInput, code: "already_submitted",
        "manifest \(name) was already submitted to \(settings.baseURL) as run \(earlier), which was copied to "
          + "\(VisibleText.escape(run.detail ?? "another database")) and goes on there",
        remedy: "`\(there)` resumes it")
    }
    let remedy: Remedy =
      switch run.state {
      case .cancelled:
        "\(command: .submitAnew(earlier, [.cancelled], settings)) sends the cancelled items, \(again)"
      case .finished:
        """
        \(command: .report(earlier)) shows its result, \(command: .resume(earlier)) repeats its result, \(again)
        """
      case .planning, .running, .paused: "\(command: .resume(earlier)) resumes it, \(again)"
      }
    return CommandFailure(
      .badInput, code: "already_submitted",
      "manifest \(name) was already submitted to \(settings.baseURL) as run \(earlier)"
        + (run.state == .cancelled ? ", which was cancelled" : ""), remedy: remedy)
  }

  /// Plans a run again whose process died while it was planned.
  ///
  /// - Throws: ``CommandFailure`` when its manifest cannot be read again, or is another one now.
  static func again(
    _ run: RunID, _ settings: RunSettings, in execution: RunExecution, _ signals: StopSignals
  ) async throws -> Outcome {
    let store = execution.store
    switch try await manifest(of: run, in: store) {
    case .gone(let error): throw error
    case .there(let source, let path):
      let planning = try await store.planAgain(run)
      let submission = PlannedSubmission(
        planning: planning, settings: settings, manifest: path, execution: execution)
      execution.console.tidy(signals, "exited immediately: nothing was sent")
      return try await submission.plan(source, isStopped: { signals.isAsked })
    }
  }

  /// The manifest of a run whose process died while it was planned.
  enum RecordedManifest {
    /// It is as it was; its path is the recorded one.
    case there(ManifestSource, path: String)
    /// It was no file that can be read again, is not there any more, or has changed; the error says which.
    case gone(any AdvisedError)
  }

  /// Looks for the manifest of a run whose process died while it was planned.
  ///
  /// - Throws: ``ManifestError`` when it is there and cannot be read, and ``StoreError``.
  static func manifest(of run: RunID, in store: any BatchStore) async throws -> RecordedManifest {
    let remedy: Remedy =
      "nothing was sent; remove the run with \(command: .cancel(run)), and submit the manifest again"
    guard let recorded = try await store.manifestFile(of: run) else {
      return .gone(
        CommandFailure(
          .badInput, code: "manifest_gone",
          "run \(run) died while it was being planned, and its manifest was not a file that can be read again",
          remedy: remedy))
    }
    let source: ManifestSource
    do {
      source = try ManifestSource(path: recorded.path)
    } catch {
      guard [.notFound, .isDirectory].contains(error.code) else { throw error }
      // Its path was recorded, and is no argument that could be corrected.
      return .gone(
        ManifestError(
          code: error.code, subject: error.subject, cause: error.cause,
          remedy: """
            put the file back there and resume the run again, or cancel it, which removes it: \(command: .cancel(run)); \
            nothing was sent
            """))
    }
    guard source.file.map(ManifestFile.init) == recorded else {
      return .gone(
        CommandFailure(
          .badInput, code: "manifest_changed",
          "run \(run) died while it was being planned, and its manifest "
            + "\(VisibleText.escape(recorded.path)) has changed since", remedy: remedy))
    }
    return .there(source, path: recorded.path)
  }
}

extension AcceptedBefore {
  /// What is said before items are sent that the service has already.
  ///
  /// - Parameters:
  ///   - items: distinct items of the manifest.
  ///   - database: as advised commands have to name it.
  func warning(items: Int, database: String?) -> String {
    let export = RunCommands(run: newest, database: database).export([.accepted])
    return
      "warning: \(HumanNumber.text(self.items)) of \(HumanNumber.text(items, "item")) "
      + "\(self.items == 1 ? "was" : "were") already accepted in "
      + (runs == 1 ? "run \(newest)" : "\(HumanNumber.text(runs)) earlier runs, the latest \(newest)")
      + (isNewestRemoved ? ", which was removed since" : "")
      + (self.items == 1
        ? "; this run sends it again, --new-only leaves it out"
        : "; this run sends them again, --new-only leaves them out")
      + (isNewestRemoved ? "" : ". `\(VisibleText.escape(export))` lists what that run sent")
  }
}

extension String {
  /// The text without its last line end.
  func trimmingLineEnd() -> String { hasSuffix("\n") ? String(dropLast()) : self }
}
