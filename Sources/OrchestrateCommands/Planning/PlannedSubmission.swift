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

  private var console: RunConsole { execution.console }
  private var context: ProcessContext { console.context }

  /// Plans.
  ///
  /// - Returns: `nil` when it was stopped: the run stays in state `planning` and `resume` plans it again.
  /// - Throws: ``CommandFailure`` and the errors of the reader and the store; the run is then removed.
  func plan(_ source: ManifestSource, isStopped: @Sendable () -> Bool) async throws -> (any RunSession)? {
    let plan: RunPlanner.Plan
    do {
      let progress = PlanningProgress(console, manifest: manifest, totalBytes: source.file?.byteCount)
      let planner = RunPlanner(settings: settings, session: planning, progress: progress)
      let made = try await progress.during { try await planner.plan(source, isStopped: isStopped) }
      guard let made else { return nil }
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
      context.note("--limit \(limit): reading stopped after \(plan.items) distinct items")
    }
    switch try await planning.complete(plan.totals, at: context.clock.now()) {
    case .repeats(let earlier):
      try await planning.abandon()
      throw try await repetition(of: earlier)
    case .planned(let session):
      context.note(
        RunProgressText(zone: context.zone).recorded(planning.run, items: plan.items, chunks: plan.chunks))
      execution.eventLog(of: planning.run)?.planned(
        items: plan.items, repeated: plan.repeated, chunks: plan.chunks)
      if !isAgain { try await warnOfKnownItems(of: plan.items, isStopped: isStopped) }
      return session
    }
  }

  /// Says what was accepted before. That this cannot be told is no reason not to send: the run is recorded, and what is
  /// wrong with the store is met by its first change.
  private func warnOfKnownItems(of items: Int, isStopped: @Sendable () -> Bool) async throws {
    do {
      let before = try await execution.store.acceptedBefore(
        planning, sentTo: settings.baseURL, in: planning.run, isStopped: isStopped)
      if let before { context.note(before.warning(items: items, database: execution.database)) }
    } catch let error as StoreError {
      context.note(
        "warning: cannot tell whether items were accepted before: \(VisibleText.escape(error.description))")
    }
  }

  private func repetition(of earlier: RunID) async throws -> CommandFailure {
    let name = VisibleText.escape(manifest)
    let run = try await execution.store.summary(of: earlier)
    let again: Remedy = "\(command: .submit(manifest, settings)) submits all of it once more"
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
      "warning: \(HumanNumber.text(self.items)) of \(HumanNumber.text(items)) items were already accepted in "
      + (runs == 1 ? "run \(newest)" : "\(HumanNumber.text(runs)) earlier runs, the latest \(newest)")
      + "; this run sends them again. `\(VisibleText.escape(export))` lists what that run sent"
  }
}

extension String {
  /// The text without its last line end.
  func trimmingLineEnd() -> String { hasSuffix("\n") ? String(dropLast()) : self }
}
