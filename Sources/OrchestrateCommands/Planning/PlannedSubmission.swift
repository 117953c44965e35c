import BatchDomain
import ManifestReader
import Reporting
import RunStore

/// Takes a run from an empty plan to one that can be sent, or removes it without a trace.
struct PlannedSubmission {
  let store: SQLiteStore
  let planning: any PlanningSession
  let settings: RunSettings
  let manifest: String
  let console: RunConsole
  /// Told that the run is planned.
  let events: RunEventLog?

  private var context: ProcessContext { console.context }

  /// Plans.
  ///
  /// - Returns: `nil` when it was stopped: the run stays in state `planning` and `resume` plans it again.
  /// - Throws: ``CommandFailure`` and the errors of the reader and the store; the run is then removed.
  func plan(_ source: ManifestSource, isStopped: () -> Bool) async throws -> (any RunSession)? {
    let plan: RunPlanner.Plan
    do {
      let progress = PlanningProgress(console, manifest: manifest, totalBytes: source.file?.byteCount)
      defer { progress.end() }
      let planner = RunPlanner(settings: settings, session: planning, progress: progress)
      guard let made = try await planner.plan(source, isStopped: isStopped) else { return nil }
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
    if plan.limitReached, let limit = settings.limit {
      context.note("--limit \(limit): the manifest was read only as far as \(plan.items) distinct items")
    }
    switch try await planning.complete(plan.totals, at: context.clock.now()) {
    case .repeats(let earlier):
      try await planning.abandon()
      throw try await repetition(of: earlier)
    case .planned(let session):
      context.note(
        RunProgressText(zone: context.zone).recorded(planning.run, items: plan.items, chunks: plan.chunks))
      events?.planned(items: plan.items, repeated: plan.repeated, chunks: plan.chunks)
      return session
    }
  }

  private func repetition(of earlier: RunID) async throws -> CommandFailure {
    let name = TerminalText.escape(manifest)
    let wasCancelled = try await store.summary(of: earlier).state == .cancelled
    return CommandFailure(
      .badInput, code: "already_submitted",
      "manifest \(name) was already submitted to \(settings.baseURL) as run \(earlier)"
        + (wasCancelled ? ", which was cancelled" : ""),
      remedy: wasCancelled
        ? "`orchestrate submit \(name) --again` submits it once more"
        : "`orchestrate resume \(earlier)` goes on with it, `orchestrate submit \(name) --again` submits it "
          + "once more")
  }
}

extension String {
  /// The text without its last line end.
  func trimmingLineEnd() -> String { hasSuffix("\n") ? String(dropLast()) : self }
}
