import BatchDomain
import ManifestReader
import Reporting

/// `submit --dry-run`: validates all of a manifest and shows the settings and the plan. Records nothing, needs no
/// key, sends nothing to the service.
struct DryRun {
  let resolved: ResolvedSettings
  let manifest: String
  let format: ResultFormat
  let console: RunConsole
  /// Whether the person said that what was submitted before is to be sent again.
  let isAgain: Bool
  /// Whether a manifest that was submitted before would be passed over: it is one of several.
  var skipsRepeats = false

  private var context: ProcessContext { console.context }

  func perform() async throws -> ExitStatus {
    let source = try ManifestSource(path: manifest)
    if resolved.settings.newOnly, !isAgain { return try await performNew(source) }
    let plan = try await ScratchStore.withPlan(of: resolved.settings, context: context) { session in
      let progress = PlanningProgress(console, manifest: manifest, totalBytes: source.file?.byteCount)
      let planner = RunPlanner(settings: resolved.settings, session: session, progress: progress)
      let made = try await progress.during { try await planner.plan(source, isStopped: { false }) }
      if let made, !made.findings.hasFatal, !isAgain { try await warnOfEarlierRuns(session, of: made) }
      return made
    }
    guard let plan else { return .stopped }
    let verdict = ManifestVerdict(
      findings: plan.findings, manifest: manifest, isStrict: resolved.settings.strict)
    if let refusal = verdict.refusal { throw refusal }
    return try await show(plan, verdict)
  }

  private func show(
    _ plan: RunPlanner.Plan, _ verdict: ManifestVerdict, skips: [KnownGroup] = []
  ) async throws -> ExitStatus {
    let now = context.clock.now()
    let forecast = try await forecast(plan, at: now)
    switch format {
    case .text:
      if !verdict.text.isEmpty { context.note(verdict.text.trimmingLineEnd()) }
      for line in SkippedText(database: resolved.values.db).lines(skips) { context.note(line) }
      try context.output.write(text(plan, forecast, at: now))
    case .json:
      try context.output.write(json(plan, forecast, verdict, skipped: skips.reduce(0) { $0 + $1.items }))
    }
    return .done
  }

  /// When the run would end, with what earlier runs used of the limits as far as the database knows.
  private func forecast(_ plan: RunPlanner.Plan, at now: Timestamp) async throws -> Forecast {
    let settings = resolved.settings
    let steps = settings.profile.steps.map {
      RemainingWork.Step($0, requests: plan.chunks, items: plan.items)
    }
    let path = try DatabasePath.resolve(given: resolved.values.db, environment: context.environment)
    guard RemainingWork.isHeldBack(settings), try StoreOpener.exists(at: path) else {
      return try RemainingWork(steps, settings: settings).forecast(from: now)
    }
    do {
      let store = try await StoreOpener.openForReading(path, in: context)
      let work = try await RemainingWork.of(
        chunks: plan.chunks, items: plan.items, settings: settings, in: store, at: now)
      try await store.close()
      return try (work ?? RemainingWork(steps, settings: settings)).forecast(from: now)
    } catch let error as StoreError {
      context.note(
        "warning: the forecast does not know what earlier runs used: \(VisibleText.escape(error.description))"
      )
      return try RemainingWork(steps, settings: settings).forecast(from: now)
    }
  }

  /// Plans what is new, as far as the database knows.
  private func performNew(_ source: ManifestSource) async throws -> ExitStatus {
    let settings = resolved.settings
    let path = try DatabasePath.resolve(given: resolved.values.db, environment: context.environment)
    let store: any KnownItems & RunCatalog =
      try StoreOpener.exists(at: path)
      ? try await StoreOpener.openForReading(path, in: context)
      : try await StoreOpener.openTemporary(now: context.clock.now())
    let progress = PlanningProgress(console, manifest: manifest, totalBytes: source.file?.byteCount)
    let status = try await ComparedManifest.read(
      source, settings, comparison: try await store.comparison(KnownScope(settings, except: nil)),
      progress: progress, context: context, isStopped: { false }
    ) { compared -> ExitStatus? in
      var verdict = ManifestVerdict(
        findings: compared.whole.findings, manifest: manifest, isStrict: settings.strict)
      if let refusal = verdict.refusal { throw refusal }
      guard let known = try await compared.comparison.result(isStopped: { false }),
        let plan = try await compared.planNew(known, settings, in: nil, isStopped: { false })
      else { return nil }
      verdict.changes = try await compared.findings(known)
      // Where nothing is new, a manifest that is one of several makes no run of its own.
      if skipsRepeats, plan.items == 0 { _ = try await warnOfRepetition(of: plan.digest, in: store) }
      return try await show(plan, verdict, skips: known.groups)
    }
    try await store.close()
    return status ?? .stopped
  }

  /// Says that an earlier run has the manifest, which is then not submitted, or how many items the service has already, as far
  /// as the database knows. The plan is shown all the same where it cannot be asked: a dry run records nothing, so that it
  /// does not bring an old one to the present schema either.
  private func warnOfEarlierRuns(_ session: any PlanningSession, of plan: RunPlanner.Plan) async throws {
    let path = try DatabasePath.resolve(given: resolved.values.db, environment: context.environment)
    do {
      guard try StoreOpener.exists(at: path) else { return }
      let store = try await StoreOpener.openForReading(path, in: context)
      if !(try await warnOfRepetition(of: plan.digest, in: store)) {
        let before = try await store.acceptedBefore(
          session, in: KnownScope(resolved.settings, except: nil), isStopped: { false })
        if let before { context.note(before.warning(items: plan.items, database: resolved.values.db)) }
      }
      try await store.close()
    } catch let error as StoreError {
      context.note(
        "warning: cannot tell whether items were accepted before: \(VisibleText.escape(error.description))")
    }
  }

  /// Says that an earlier run has the manifest.
  ///
  /// - Returns: whether one has.
  private func warnOfRepetition(of digest: [UInt8], in store: any RunCatalog) async throws -> Bool {
    let settings = resolved.settings
    guard let run = try await store.run(submitting: digest, to: settings.destination) else { return false }
    if skipsRepeats {
      context.note(
        "warning: manifest \(VisibleText.escape(manifest)) was already submitted as run \(run): `submit` skips it"
      )
    } else {
      let refusal = try await PlannedSubmission.repetition(manifest, of: run, settings, in: store)
      let text = [refusal.message, refusal.remedy?.text(database: resolved.values.db)].compactMap(\.self)
        .joined(separator: "; ")
      context.note("warning: `submit` refuses this: \(VisibleText.escape(text))")
    }
    return true
  }

  private func text(_ plan: RunPlanner.Plan, _ forecast: Forecast, at now: Timestamp) -> String {
    var lines = "settings:\n" + resolved.text + "plan:\n"
    lines += "  \(HumanNumber.text(plan.items, "item")) in \(HumanNumber.text(plan.chunks, "chunk")), "
    lines += "\(HumanNumber.text(plan.bytes)) bytes to send to \(resolved.settings.destination)\n"
    if plan.repeated > 0 {
      lines +=
        "  \(HumanNumber.text(plan.repeated, "repeated item")) \(plan.repeated == 1 ? "is" : "are") sent once\n"
    }
    if plan.limitReached { lines += "  reading stopped at --limit\n" }
    let words = ForecastText(zone: context.zone, hasWindows: !resolved.settings.windows.isEmpty)
    lines += "forecast:\n  \(words.sentence(forecast, now: now))\n"
    return lines + "nothing was recorded and nothing was sent\n"
  }

  private func json(
    _ plan: RunPlanner.Plan, _ forecast: Forecast, _ verdict: ManifestVerdict, skipped: Int
  ) -> String {
    var json = JSONWriter(.pretty)
    json.beginObject()
    json.key("plan")
    json.beginObject()
    for (key, value) in [
      ("items", plan.items), ("repeated", plan.repeated), ("skipped", skipped), ("chunks", plan.chunks),
      ("bytes", plan.bytes),
    ] {
      json.key(key)
      json.value(value)
    }
    json.key("destination")
    json.value(resolved.settings.destination)
    json.key("forecast")
    json.beginObject()
    json.key("requests")
    json.value(forecast.requests)
    json.key("binding")
    json.value(forecast.binding?.description)
    json.key("starts_at")
    json.value(forecast.startsAt)
    json.key("ends_at")
    json.value(forecast.endsAt)
    json.key("nights")
    json.value(forecast.nights)
    json.endObject()
    json.endObject()
    json.key("settings")
    json.beginObject()
    for setting in resolved.effective {
      json.key(setting.key)
      json.beginObject()
      json.key("value")
      json.value(setting.value)
      json.key("source")
      json.value(setting.source.rawValue)
      json.endObject()
    }
    json.endObject()
    verdict.write(to: &json)
    json.endObject()
    return json.take() + "\n"
  }
}
