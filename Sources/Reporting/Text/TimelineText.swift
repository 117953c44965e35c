import BatchDomain

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
    case .trouble: "requests did not get through, or their answers were lost"
    case .stopped: "nobody was sending"
    case .pace: "its own limits, or the service was asked what became of chunks"
    }
  }
}
