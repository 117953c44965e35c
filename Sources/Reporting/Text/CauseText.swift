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
