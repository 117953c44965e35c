import BatchDomain

/// The chunks whose requests took longest.
enum SlowChunkTable {
  /// The table; empty without any.
  static func html(_ chunks: [SlowChunk]) throws -> HTMLFragment {
    guard !chunks.isEmpty else { return .empty }
    return try template.render(
      Values(
        chunks: chunks.map { chunk in
          Row(
            chunk: HumanNumber.text(chunk.number.rawValue),
            items:
              "\(HumanNumber.text(chunk.items.lowerBound)) to \(HumanNumber.text(chunk.items.upperBound - 1))",
            swatch: StateLook.swatch(chunk.state), state: chunk.state.rawValue,
            attempts: HumanNumber.text(chunk.attempts), longest: HumanDuration.text(chunk.longest))
        }))
  }

  private struct Row {
    let chunk: String
    let items: String
    let swatch: HTMLFragment
    let state: String
    let attempts: String
    let longest: String
  }

  private struct Values {
    let chunks: [Row]
  }

  private static let template = HTMLTemplate(
    """
    <div class="scroll"><table>
    <thead><tr><th class="n">chunk</th><th class="n">items</th><th>state</th><th class="n">attempts</th><th class="n">longest request</th></tr></thead>
    <tbody>
    {{#chunks}}
    <tr><td class="n">{{chunk}}</td><td class="n">{{items}}</td><td class="nowrap">{{{swatch}}} {{state}}</td><td class="n">{{attempts}}</td><td class="n">{{longest}}</td></tr>
    {{/chunks}}
    </tbody>
    </table></div>
    """)
}
