import BatchDomain

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
          ? "Each cell stands for neighbouring chunks and shows the state that needs a look first."
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
