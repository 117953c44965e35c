import BatchDomain

/// How long attempts took.
struct LatencyChart {
  private let latencies: LatencyHistogram

  /// A chart of a distribution.
  init(_ latencies: LatencyHistogram) { self.latencies = latencies }

  /// The chart with its axes and the numbers that matter; empty before the first answer.
  func html() throws -> HTMLFragment {
    guard let median = latencies.quantile(0.5), let high = latencies.quantile(0.95) else { return .empty }
    let bars = latencies.bars(Self.barLimit)
    let chart = BarChart(
      bars: bars.map { bar in
        BarChart.Bar(
          value: bar.attempts,
          title: "\(range(bar.milliseconds)): \(HumanNumber.text(bar.attempts, "attempt"))")
      }, label: "Attempts by how long they took")
    return try Self.template.render(
      Values(
        chart: chart.svg, greatest: HumanNumber.text(chart.greatest, "attempt"),
        median: HumanDuration.text(median), high: HumanDuration.text(high),
        longest: HumanDuration.text(latencies.longest), first: text(bars.first?.milliseconds.lowerBound),
        middle: bars.count > 2 ? text(bars[bars.count / 2].milliseconds.lowerBound) : "",
        last: HumanDuration.text(latencies.longest)))
  }

  private func range(_ milliseconds: ClosedRange<Int>) -> String {
    milliseconds.count == 1
      ? text(milliseconds.lowerBound) : "\(text(milliseconds.lowerBound)) to \(text(milliseconds.upperBound))"
  }

  private func text(_ milliseconds: Int?) -> String { HumanDuration.text(.milliseconds(milliseconds ?? 0)) }

  private static let barLimit = 40

  private struct Values {
    let chart: HTMLFragment
    let greatest: String
    let median: String
    let high: String
    let longest: String
    let first: String
    let middle: String
    let last: String
  }

  private static let template = HTMLTemplate(
    """
    <dl class="figures">
    <div><dt>half within</dt><dd id="p50">{{median}}</dd></div>
    <div><dt>95% within</dt><dd id="p95">{{high}}</dd></div>
    <div><dt>longest</dt><dd id="longest">{{longest}}</dd></div>
    </dl>
    <p class="axis"><span>at most {{greatest}} in a bar</span></p>
    {{{chart}}}
    <p class="axis"><span>{{first}}</span><span>{{middle}}</span><span>{{last}}</span></p>
    <p class="quiet">Bars grow wider to the right: each begins a fixed share after the one before it.</p>
    """)
}
