import BatchDomain

/// Items accepted over time.
struct ThroughputChart {
  private let throughput: Throughput
  private let zone: LocalZone

  /// A chart with times in a zone.
  init(_ throughput: Throughput, zone: LocalZone) {
    self.throughput = throughput
    self.zone = zone
  }

  /// The chart with its axes; empty while nothing was sent.
  func html() throws -> HTMLFragment {
    guard !throughput.accepted.isEmpty else { return .empty }
    let chart = BarChart(
      bars: throughput.accepted.enumerated().map { slot, items in
        BarChart.Bar(
          value: items, title: "\(time(throughput.start(of: slot))): \(HumanNumber.text(items, "item"))")
      }, label: "Items accepted over time")
    let count = throughput.accepted.count
    return try Self.template.render(
      Values(
        chart: chart.svg, greatest: HumanNumber.text(chart.greatest),
        step: HumanDuration.text(throughput.step), first: time(throughput.start(of: 0)),
        middle: count > 2 ? time(throughput.start(of: count / 2)) : "",
        last: time(throughput.start(of: count))))
  }

  /// Seconds matter for a short run, the date for a long one.
  private func time(_ moment: Timestamp) -> String {
    if throughput.step >= .seconds(3_600) { return zone.brief(moment) }
    return throughput.step >= .seconds(60) ? zone.clock(moment) : zone.exactClock(moment)
  }

  private struct Values {
    let chart: HTMLFragment
    let greatest: String
    let step: String
    let first: String
    let middle: String
    let last: String
  }

  private static let template = HTMLTemplate(
    """
    <p class="axis"><span>at most {{greatest}} in {{step}}</span></p>
    {{{chart}}}
    <p class="axis"><span>{{first}}</span><span>{{middle}}</span><span>{{last}}</span></p>
    """)
}
