package import BatchDomain

/// Where a video was sent, as a page of the dashboard: a form, and what was found.
package struct ObjectPage: Sendable {
  private let zone: LocalZone

  /// Appearances that are shown at most.
  package static let shown = 200

  /// Pages with times of that zone.
  package init(zone: LocalZone) { self.zone = zone }

  /// The form alone, for other pages.
  package static func form(object: String = "") throws -> PageSection {
    PageSection("search", try formTemplate.render(["object": VisibleText.escape(object, cutAt: 2_000)]))
  }

  /// The form with what was looked for, and the runs that have it.
  ///
  /// - Parameters:
  ///   - object: what was looked for; `nil` before anything was.
  ///   - appearances: newest run first.
  package func sections(_ object: String?, _ appearances: [ObjectAppearance]) throws -> [PageSection] {
    guard let object else { return [try Self.form()] }
    let found = try Self.template.render(
      Values(
        object: VisibleText.escape(object, cutAt: 400), rows: appearances.prefix(Self.shown).map(row),
        isEmpty: appearances.isEmpty,
        more: appearances.count > Self.shown
          ? "\(HumanNumber.text(appearances.count - Self.shown)) older results are not shown." : nil))
    return [try Self.form(object: object), PageSection("found", found)]
  }

  private func row(_ found: ObjectAppearance) -> Row {
    let chunk = found.chunk
    return Row(
      run: found.run.rawValue, created: zone.brief(found.createdAt), item: HumanNumber.text(found.item),
      swatch: StateLook.swatch(found.chunk.state), state: found.chunk.state.rawValue,
      chunk: found.chunk.number.description, index: VisibleText.escape(found.index.rawValue, cutAt: 60),
      answer: VisibleText.answer(chunk.status, chunk.code, chunk.message, cutAt: 300))
  }

  private struct Row {
    let run: String
    let created: String
    let item: String
    let swatch: HTMLFragment
    let state: String
    let chunk: String
    let index: String
    let answer: String
  }

  private struct Values {
    let object: String
    let rows: [Row]
    let isEmpty: Bool
    let more: String?
  }

  private static let formTemplate = HTMLTemplate(
    """
    <form action="/search" role="search"><input type="search" name="object" value="{{object}}" placeholder="s3://bucket/key" aria-label="Video" required> <button>Find a video</button></form>
    """)

  private static let template = HTMLTemplate(
    """
    <h1>{{object}}</h1>
    {{#isEmpty}}
    <p id="none">Not found in any run. Bucket and key must match exactly.</p>
    {{/isEmpty}}
    {{^isEmpty}}
    <div class="scroll"><table>
    <thead><tr><th>run</th><th>state</th><th class="n">item</th><th class="n">chunk</th><th>index</th><th>last answer</th></tr></thead>
    <tbody>
    {{#rows}}
    <tr><td class="nowrap"><a class="id" href="/runs/{{run}}">{{run}}</a><br><span class="quiet">{{created}}</span></td><td class="nowrap">{{{swatch}}} {{state}}</td><td class="n">{{item}}</td><td class="n">{{chunk}}</td><td class="id">{{index}}</td><td class="said">{{answer}}</td></tr>
    {{/rows}}
    </tbody>
    </table></div>
    {{/isEmpty}}
    {{#more}}
    <p class="quiet">{{more}}</p>
    {{/more}}
    """)
}
