import BatchDomain

/// Why items are not accepted, grouped by what the service said.
struct CauseText {
  let zone: LocalZone
  let commands: RunCommands

  /// Causes shown; the machine formats have all of them.
  static let shown = 5

  /// One block per cause: code, outcome, how much it concerns, when, samples, and what can be done.
  func text(_ report: RunReport) -> String {
    var text = "causes:\n"
    // Many causes with all their samples would not fit a screen.
    let samples = report.causes.count > 2 ? 1 : CauseFold.sampleLimit
    for cause in report.causes.prefix(Self.shown) {
      text += block(cause, samples, CauseAdvice(cause, of: report.run, report.settings, commands))
    }
    let more = report.causes.dropFirst(Self.shown)
    if !more.isEmpty {
      let items = more.reduce(0) { $0 + $1.items }
      text +=
        "  \(HumanNumber.text(more.count, "more cause")) with \(HumanNumber.text(items, "item")): "
        + "--format json or html lists them\n"
    }
    return text
  }

  private func block(_ cause: CauseSummary, _ samples: Int, _ advice: CauseAdvice) -> String {
    let amount = "\(HumanNumber.text(cause.items, "item")) in \(HumanNumber.text(cause.chunks, "chunk"))"
    var text =
      "  \(VisibleText.escape(cause.code, cutAt: 80)): \(cause.outcome.words), \(amount), \(zone.brief(cause.firstAt, to: cause.lastAt))\n"
    // Where every sample has the same message, once is enough.
    let messages = Set(cause.samples.map(\.message))
    if messages.count < 2, let message = cause.message, !message.isEmpty {
      text += "    \(VisibleText.escape(message, cutAt: 300))\n"
    }
    for sample in cause.samples.prefix(samples) { text += line(sample, withMessage: messages.count > 1) }
    text += "    \(advice.words)\(advice.command == nil ? "" : ":")\n"
    if let command = advice.command { text += "      \(VisibleText.escape(command))\n" }
    return text
  }

  private func line(_ sample: CauseSummary.Sample, withMessage: Bool) -> String {
    let object = sample.object.map { " \(VisibleText.escape($0.rawValue, cutAt: 200))" } ?? ""
    let message =
      withMessage ? sample.message.map { ": \(VisibleText.escape($0, cutAt: 200))" } ?? "" : ""
    return "    e.g. item \(sample.item)\(object)\(message)\n"
  }
}

/// Verdicts on lost answers as a person reads them: what, when, by whom, and on what evidence.
struct SettlementText {
  let zone: LocalZone

  /// Verdicts shown; the machine formats have all of them.
  static let shown = 3

  /// A heading and one paragraph per verdict, the latest first.
  ///
  /// - Parameter settlements: one more than ``shown`` when there are more.
  func text(_ settlements: [SettlementSummary]) -> String {
    var text = "settled:\n"
    for settlement in settlements.prefix(Self.shown) { text += line(settlement) }
    if settlements.count > Self.shown {
      text += "  earlier verdicts are not shown; --format json lists the latest of each chunk\n"
    }
    return text
  }

  private func line(_ settlement: SettlementSummary) -> String {
    let items = HumanNumber.text(settlement.itemCount, "item")
    var text =
      "  \(zone.brief(settlement.decidedAt)) chunk \(settlement.chunk) (\(items)), attempt "
      + "\(settlement.attempt): \(words(settlement.verdict)), by \(words(settlement.authority))\n"
    text += "    \(VisibleText.escape(settlement.evidence.text, cutAt: 300))\n"
    if let first = settlement.evidence.firstLookAt, let last = settlement.evidence.lastLookAt,
      let tasks = settlement.evidence.tasksListed
    {
      let looks = "looked \(zone.brief(first, to: last))"
      let seen = settlement.evidence.itemsSeen.map { ", \($0) of \(items) among them" }
      text += "    \(looks), \(HumanNumber.text(tasks, "task")) listed\(seen ?? "")\n"
    }
    return text
  }

  private func words(_ verdict: Settlement.Verdict) -> String {
    switch verdict {
    case .received: "received"
    case .partlyReceived: "received in part"
    case .notReceived: "not received"
    case .undecided: "undecided, held"
    }
  }

  private func words(_ authority: Settlement.Authority) -> String {
    switch authority {
    case .listing: "the service's listing"
    case .policy: "--on-unknown"
    case .person: "a person"
    case .answer: "the answer itself, which came late"
    }
  }
}

/// How a run went, in a sentence and as moments one below the other.
struct TimelineText {
  let zone: LocalZone

  /// Shorter waits are no event.
  private static let shortestWait: Duration = .seconds(10)

  /// For example `104 requests in 20m 35s, the first chunk accepted after 2s; 3 throttled, 2 answers lost (2 settled)`;
  /// `nil` when nothing was sent.
  func sentence(_ run: RunSummary, _ timeline: RunTimeline) -> String? {
    guard let first = timeline.firstIntentAt else { return nil }
    var text = HumanNumber.text(run.attempts, "request")
    if let time = run.sendingTime { text += " in \(HumanDuration.text(time))" }
    if let accepted = timeline.firstAcceptedAt {
      text += ", the first chunk accepted after \(HumanDuration.text(accepted.since(first)))"
    }
    let troubles = troubles(timeline)
    return troubles.isEmpty ? text : text + "; " + troubles.joined(separator: ", ")
  }

  private func troubles(_ timeline: RunTimeline) -> [String] {
    var parts: [String] = []
    let throttled = timeline.outcomes[.throttled, default: 0]
    if throttled > 0 {
      let time = timeline.throttledTime
      parts.append(
        "\(HumanNumber.text(throttled)) throttled"
          + (time >= .seconds(1) ? " (\(HumanDuration.text(time)) of waiting)" : ""))
    }
    let lost = timeline.outcomes[.unknown, default: 0]
    if lost > 0 {
      parts.append(
        "\(HumanNumber.text(lost, "answer")) lost"
          + (timeline.settled > 0 ? " (\(HumanNumber.text(timeline.settled)) settled)" : ""))
    }
    let undelivered = timeline.outcomes[.notProcessed, default: 0]
    if undelivered > 0 { parts.append("\(HumanNumber.text(undelivered)) not delivered") }
    return parts
  }

  /// A heading, then a line for each moment that is known.
  func lines(_ run: RunSummary, _ timeline: RunTimeline) -> String {
    var moments: [(at: Timestamp, words: String)] = [(run.createdAt, "created")]
    if let first = timeline.firstIntentAt { moments.append((first, "first request")) }
    if let accepted = timeline.firstAcceptedAt { moments.append((accepted, "first chunk accepted")) }
    if let wait = timeline.longestWait, wait.length >= Self.shortestWait {
      moments.append(
        (
          wait.from,
          "nothing sent for \(HumanDuration.text(wait.length)), the longest time: \(wait.idleness.words)"
        ))
    }
    if let last = timeline.lastOutcomeAt { moments.append((last, "last answer")) }
    if let finished = run.finishedAt {
      moments.append((finished, run.state == .cancelled ? "cancelled" : "finished"))
    }
    var table = TextTable(.left, .left)
    // Moments at the same millisecond stay in the order things happen in.
    for moment in moments.enumerated().sorted(by: { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) })
    {
      table.add(zone.text(moment.element.at), moment.element.words)
    }
    return "timeline:\n" + table.text(indent: "  ")
  }
}

extension RunTimeline.Idleness {
  /// Why nothing was sent.
  fileprivate var words: String {
    switch self {
    case .throttled: "the service had asked to wait"
    case .trouble: "requests failed, or their answers were lost"
    case .stopped: "no process was sending"
    case .pace: "rate limits, or the service was asked about unknown chunks"
    }
  }
}
