import BatchDomain

/// A chart of bars beside each other as inline SVG. It has no text of its own that is to be read: that stands around
/// it, where it keeps its size on a phone.
struct BarChart {
  /// A bar.
  struct Bar {
    /// Its height; 0 or more.
    let value: Int
    /// What it stands for, shown while it is pointed at.
    let title: String
  }

  /// The bars from left to right.
  let bars: [Bar]
  /// What the chart shows, for who cannot see it.
  let label: String

  /// The greatest value; 0 without bars.
  var greatest: Int { bars.reduce(0) { max($0, $1.value) } }

  /// The picture, stretched to the width there is.
  var svg: HTMLFragment {
    let height = 100
    let step = 10
    var svg =
      "<svg class=\"bars\" viewBox=\"0 0 \(max(1, bars.count) * step) \(height)\" preserveAspectRatio=\"none\" "
      + "role=\"img\" aria-label=\"\(HTMLText.escape(label))\">"
    let greatest = Double(max(1, greatest))
    for (place, bar) in bars.enumerated() {
      // What is there is seen, however small it is beside the greatest.
      let drawn = bar.value > 0 ? max(1, Int((Double(bar.value) / greatest * Double(height)).rounded())) : 0
      svg +=
        "<g><title>\(HTMLText.escape(bar.title))</title>"
        + "<rect class=\"catch\" x=\"\(place * step)\" y=\"0\" width=\"\(step)\" height=\"\(height)\"/>"
        + "<rect class=\"bar\" x=\"\(place * step + 1)\" y=\"\(height - drawn)\" width=\"\(step - 2)\" height=\"\(drawn)\"/></g>"
    }
    return HTMLFragment(trusted: svg + "</svg>")
  }
}

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
    <div><dt>median</dt><dd id="p50">{{median}}</dd></div>
    <div><dt>95th percentile</dt><dd id="p95">{{high}}</dd></div>
    <div><dt>longest</dt><dd id="longest">{{longest}}</dd></div>
    </dl>
    <p class="axis"><span>at most {{greatest}} in a bar</span></p>
    {{{chart}}}
    <p class="axis"><span>{{first}}</span><span>{{middle}}</span><span>{{last}}</span></p>
    <p class="quiet">The scale is logarithmic: bars cover wider ranges to the right.</p>
    """)
}

/// A map of the chunks of a run, coloured and marked by state.
struct ChunkMapView {
  private let map: ChunkMap

  /// A view of a map.
  init(_ map: ChunkMap) { self.map = map }

  /// The picture with a legend; empty without chunks.
  func html() throws -> HTMLFragment {
    let cells = map.cells
    guard !cells.isEmpty else { return .empty }
    let states = ChunkMap.urgency.reversed().compactMap { state -> LegendEntry? in
      let chunks = cells.reduce(0) { $0 + $1.chunks[state, default: 0] }
      guard chunks > 0 else { return nil }
      return LegendEntry(
        swatch: StateLook.swatch(state), state: state.rawValue, chunks: HumanNumber.text(chunks, "chunk"))
    }
    let isShared = cells.contains { $0.chunkCount > 1 }
    return try Self.template.render(
      Values(
        picture: picture(cells), states: states,
        note: isShared
          ? "Each cell stands for several neighbouring chunks and shows the state that most needs attention."
          : "Each cell is a chunk, in the order of the manifest."))
  }

  private func picture(_ cells: [ChunkMap.Cell]) -> HTMLFragment {
    let columns = cells.count <= 200 ? 40 : 60
    let rows = (cells.count + columns - 1) / columns
    var svg =
      "<svg class=\"map\" viewBox=\"0 0 \(columns * 10) \(rows * 10)\" role=\"img\" aria-label=\"Map of the chunks\">"
    for (place, cell) in cells.enumerated() {
      svg +=
        "<g class=\"\(StateLook.name(cell.state))\" transform=\"translate(\(place % columns * 10) \(place / columns * 10))\">"
        + "<title>\(HTMLText.escape(title(cell)))</title>\(StateLook.cell(cell.state))</g>"
    }
    return HTMLFragment(trusted: svg + "</svg>")
  }

  private func title(_ cell: ChunkMap.Cell) -> String {
    let items =
      "items \(HumanNumber.text(cell.items.lowerBound)) to \(HumanNumber.text(cell.items.upperBound - 1))"
    guard cell.chunkCount > 1 else { return "\(items): \(cell.state.rawValue)" }
    let states = ChunkMap.urgency.compactMap { state -> String? in
      let count = cell.chunks[state, default: 0]
      return count > 0 ? "\(HumanNumber.text(count)) \(state.rawValue)" : nil
    }
    return "\(items): \(HumanNumber.text(cell.chunkCount)) chunks, " + states.joined(separator: ", ")
  }

  private struct LegendEntry {
    let swatch: HTMLFragment
    let state: String
    let chunks: String
  }

  private struct Values {
    let picture: HTMLFragment
    let states: [LegendEntry]
    let note: String
  }

  private static let template = HTMLTemplate(
    """
    {{{picture}}}
    <ul class="legend">
    {{#states}}
    <li>{{{swatch}}} {{state}} <span class="quiet">{{chunks}}</span></li>
    {{/states}}
    </ul>
    <p class="quiet">{{note}}</p>
    """)
}
