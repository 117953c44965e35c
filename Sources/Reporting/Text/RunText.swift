package import BatchDomain

/// Runs as a person reads them in a terminal.
package struct RunText: Sendable {
  private let zone: LocalZone
  private let now: Timestamp
  private let database: String?

  /// Reports as of a moment.
  ///
  /// - Parameters:
  ///   - now: the moment that ages and waits are counted from.
  ///   - zone: the time zone times are shown in.
  ///   - database: the path given with `--db`, for the commands that are advised; `nil` without that option.
  package init(now: Timestamp, zone: LocalZone, database: String? = nil) {
    self.now = now
    self.zone = zone
    self.database = database
  }

  /// A table of runs, one per line, in the order given.
  ///
  /// - Parameter isChosen: whether there may be others, which were not asked for.
  package func history(_ runs: [RunSummary], isChosen: Bool = false) -> String {
    guard !runs.isEmpty else { return isChosen ? "no matching runs\n" : "no runs yet\n" }
    var table = TextTable(.left, .left, .right, .right, .right, .right, .right, .left, .right, .left)
    table.add(
      "RUN", "STATE", "ITEMS", "ACCEPTED", "NOT ACCEPTED", "UNKNOWN", "LEFT", "CREATED", "AGE", "NAME")
    for run in runs {
      table.add(
        run.run.rawValue, state(run), HumanNumber.text(run.items),
        HumanNumber.text(run.counts.items(in: .accepted)),
        HumanNumber.text(run.counts.items(in: .rejected, .failed, .cancelled)),
        HumanNumber.text(run.counts.items(in: .unknown)),
        HumanNumber.text(run.counts.items(in: .pending, .submitting, .processing)), zone.brief(run.createdAt),
        HumanDuration.rough(now.since(run.createdAt)),
        VisibleText.escape(run.name ?? run.job ?? "", cutAt: 40))
    }
    return table.text()
  }

  /// One run on one screen: what happened, why, what to do next, then the numbers, and how it came to that.
  package func report(_ report: RunReport) -> String {
    let run = report.run
    let timeline = TimelineText(zone: zone)
    var text = headline(run) + window(run, report.settings)
    if let sentence = timeline.sentence(run, report.timeline) { text += sentence + "\n" }
    if let forecast = report.remaining?.forecast(from: now), forecast.binding != nil {
      let words = ForecastText(zone: zone, hasWindows: !report.settings.windows.isEmpty)
      text += "forecast: \(words.sentence(forecast, now: now))\n"
    }
    text += steps(run, report.causes, report.settings) + "\n" + facts(run)
    if !report.skips.isEmpty {
      text += SkippedText(database: database).lines(report.skips).map { "  \($0)\n" }.joined()
    }
    if run.items > 0 || run.skipped == 0 { text += "\n" + states(run) }
    if let tracking = report.tracking { text += "\n" + self.tracking(run, tracking) }
    text += "\n" + timeline.lines(run, report.timeline)
    if !report.causes.isEmpty {
      let commands = RunCommands(run: run.run, database: database)
      text += "\n" + CauseText(zone: zone, commands: commands).text(report)
    }
    if !report.settlements.isEmpty { text += "\n" + SettlementText(zone: zone).text(report.settlements) }
    if !report.surplus.isEmpty { text += "\n" + surplus(report.surplus) }
    if report.leftOvers.total > 0 { text += "\n" + leftOvers(report.leftOvers, run) }
    return text
  }

  /// What the service makes of the accepted items of a run.
  package func tracking(_ run: RunSummary, _ tracking: TrackingSummary) -> String {
    TrackingText(zone: zone, commands: RunCommands(run: run.run, database: database)).block(tracking)
  }

  /// A run in two lines or three, above a table of its parts.
  package func heading(_ run: RunSummary) -> String { headline(run) }

  /// Where a run stands: what happened, why, what to do next, and the command that shows the rest.
  package func standing(_ run: RunSummary, causes: [CauseSummary], settings: RunSettings) -> String {
    let commands = RunCommands(run: run.run, database: database)
    return headline(run) + window(run, settings) + steps(run, causes, settings)
      + "\nfull report: \(commands.report)\n"
  }

  /// Rows of what is left over that are listed at most.
  private static let surplusShown = 10

  private func surplus(_ rows: [SurplusRow]) -> String {
    var table = TextTable(.right, .left, .left)
    table.add("ITEM", "STEP", "ID")
    for row in rows.prefix(Self.surplusShown) {
      table.add(HumanNumber.text(row.item), row.step.rawValue, VisibleText.escape(row.externalID, cutAt: 80))
    }
    let more =
      rows.count > Self.surplusShown ? "  and \(HumanNumber.text(rows.count - Self.surplusShown)) more\n" : ""
    return "left over at the service, made twice by requests whose answers were lost; nothing uses it:\n"
      + table.text(indent: "  ") + more
  }

  /// Rows of what steps made for nothing that ``report(_:)`` is to be given, at most.
  package static let leftOversShown = 10

  private func leftOvers(_ found: LeftOvers, _ run: RunSummary) -> String {
    var table = TextTable(.right, .left, .left, .left)
    table.add("ITEM", "STEP", "ID", "ITEM IS")
    for row in found.rows.prefix(Self.leftOversShown) {
      table.add(
        HumanNumber.text(row.item), row.step.rawValue, VisibleText.escape(row.externalID, cutAt: 80),
        row.state.rawValue)
    }
    var text =
      "left over at the service, of items that were not accepted and of steps that are done again "
      + "(\(HumanNumber.text(found.total)) in all); nothing uses it:\n" + table.text(indent: "  ")
    if found.total > Self.leftOversShown {
      let report = RunCommands(run: run.run, database: database).report
      text += "  all ids that the service gave: \(VisibleText.escape(report)) --attempts --format csv\n"
    }
    return text
  }

  private func headline(_ run: RunSummary) -> String {
    var text = "run \(run.run)"
    if let name = run.name { text += " (\(VisibleText.escape(name, cutAt: 80)))" }
    text += "\n\(RunHeadline.text(run))\n"
    if run.state == .paused, let reason = run.reason {
      text += "paused because \(reason.words)\(detail(run)) [\(reason.rawValue)]\n"
    } else if run.reason == .copied {
      text += "copied, and goes on in another database\(detail(run)) [copied]\n"
    } else if run.state == .cancelled, run.detail != nil {
      text += "not to be resumed yet\(detail(run))\n"
    } else if run.state == .running, !run.isLive {
      text += "no process is sending this run: its process died\n"
    }
    if let inheritance = run.inheritance {
      let left = max(.zero, inheritance.until.since(now))
      text +=
        "\(HumanNumber.text(inheritance.chunks)) chunk\(inheritance.chunks == 1 ? "" : "s") of "
        + "\(VisibleText.escape(inheritance.owner, cutAt: 200)): unknown in \(HumanDuration.rough(left))\n"
    }
    if let wait = standingWait(run) {
      text += RunProgressText(zone: zone).waiting(wait, now: now) + "\n"
      if !run.isLive {
        let command = RunCommands(run: run.run, database: database).ignoreWait
        text += "to end the wait, if the service accepts requests again: \(VisibleText.escape(command))\n"
      }
    }
    return text
  }

  /// The wait for the next sending window of a run that is being sent.
  private func window(_ run: RunSummary, _ settings: RunSettings) -> String {
    guard run.state == .running, run.isLive, let wait = settings.windowWait(at: now) else { return "" }
    return RunProgressText(zone: zone).waiting(wait, now: now) + "\n"
  }

  /// The wait that holds the run back at this moment, with its end by the clock as it is now.
  private func standingWait(_ run: RunSummary) -> StoredWait? {
    guard let wait = run.wait, run.state == .running || run.state == .paused,
      case let left = wait.left(at: now), left > .zero
    else { return nil }
    return StoredWait(until: now + left, reason: wait.reason, length: wait.length)
  }

  /// Verdicts that ``report(_:)`` is to be given, at most.
  package static let settlementsShown = SettlementText.shown + 1

  private func detail(_ run: RunSummary) -> String {
    run.detail.map { ": \(VisibleText.escape($0, cutAt: 400))" } ?? ""
  }

  private func state(_ run: RunSummary) -> String {
    run.state.rawValue + (run.reason.map { ": \($0.rawValue)" } ?? "")
  }

  private func steps(_ run: RunSummary, _ causes: [CauseSummary], _ settings: RunSettings) -> String {
    let steps = NextSteps(
      run, RunCommands(run: run.run, database: database), causes: causes, settings: settings
    )
    .steps
    guard !steps.isEmpty else { return "" }
    var text = "\nnext:\n"
    for step in steps { text += "  \(step.purpose):\n    \(VisibleText.escape(step.command))\n" }
    return text
  }

  private func facts(_ run: RunSummary) -> String {
    var table = TextTable(.left, .left)
    table.add("manifest", VisibleText.escape(run.manifest, cutAt: 400))
    if let job = run.job { table.add("job", VisibleText.escape(job, cutAt: 400)) }
    table.add("destination", VisibleText.escape(run.destination, cutAt: 400))
    var items = HumanNumber.text(run.items)
    if run.repeated > 0 { items += " (\(HumanNumber.text(run.repeated)) more repeat an earlier one)" }
    table.add("items", items)
    if run.skipped > 0 { table.add("skipped", HumanNumber.text(run.skipped)) }
    // Of a handful of requests a pace says nothing.
    if let time = run.sendingTime, time >= .seconds(5), run.attempts >= 10 {
      let accepted = Double(run.counts.items(in: .accepted)) / time.inSeconds
      let requests = Double(run.attempts) * 60 / time.inSeconds
      table.add(
        "throughput",
        "\(HumanNumber.pace(accepted)) items/s accepted, \(HumanNumber.pace(requests)) requests/min")
    }
    return table.text(indent: "  ")
  }

  private func states(_ run: RunSummary) -> String {
    var table = TextTable(.left, .right, .right)
    table.add("STATE", "ITEMS", "CHUNKS")
    for state in ChunkState.allCases {
      let chunks = run.counts.chunks(in: state)
      let items = run.counts.items(in: state)
      guard chunks > 0 || items > 0 else { continue }
      table.add(state.rawValue, state == .split ? "-" : HumanNumber.text(items), HumanNumber.text(chunks))
    }
    return table.text(indent: "  ")
  }
}
