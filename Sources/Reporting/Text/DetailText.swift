package import BatchDomain

/// Chunks, items and attempts of a run as tables.
package struct DetailText: Sendable {
  private let zone: LocalZone

  /// Rows a table has at most, unless a limit is given; the machine formats have all of them.
  package static let rowLimit = 1_000
  /// Rows a table has at most whatever the limit: its columns are aligned, so it is in memory as a whole.
  package static let mostRows = 100_000

  /// Tables with times of that zone.
  package init(zone: LocalZone) { self.zone = zone }

  /// One line per chunk.
  package func chunks(_ pages: ChunkPages, limit: Int?) async throws -> String {
    var table = TextTable(.right, .right, .right, .left, .right, .left)
    table.add("CHUNK", "FIRST ITEM", "ITEMS", "STATE", "ATTEMPTS", "LAST ANSWER")
    return try await text(pages, limit, &table) { chunk in
      [
        chunk.number.description, String(chunk.firstItem), String(chunk.itemCount), chunk.state.rawValue,
        String(chunk.attempts), answer(chunk.status, chunk.code, chunk.message),
      ]
    }
  }

  /// One line per item.
  package func items(_ pages: ItemPages, limit: Int?) async throws -> String {
    let (rows, more) = try await first(pages, limit)
    // Only a service of several steps gives ids, and its chunks have one item.
    guard rows.contains(where: { $0.step != nil }) else {
      var table = TextTable(.right, .left, .right, .right, .left, .left)
      table.add("ITEM", "STATE", "CHUNK", "ATTEMPTS", "OBJECT", "LAST ANSWER")
      return text(rows, more, &table) { item in
        [
          String(item.sequence), item.state.rawValue, item.chunk.description, String(item.attempts),
          VisibleText.escape(item.object.rawValue, cutAt: 200), answer(nil, item.code, item.message),
        ]
      }
    }
    var table = TextTable(.right, .left, .left, .right, .left, .left, .left, .left)
    table.add("ITEM", "STATE", "STEP", "ATTEMPTS", "OBJECT", "ASSET", "INDEXED ASSET", "LAST ANSWER")
    return text(rows, more, &table) { item in
      [
        String(item.sequence), item.state.rawValue, item.step?.rawValue ?? "-", String(item.attempts),
        VisibleText.escape(item.object.rawValue, cutAt: 200), id(item.assetID), id(item.indexedAssetID),
        answer(nil, item.code, item.message),
      ]
    }
  }

  /// One line per attempt.
  package func attempts(_ pages: AttemptPages, limit: Int?) async throws -> String {
    var table = TextTable(.right, .right, .left, .right, .left, .left)
    table.add("CHUNK", "ATTEMPT", "BEGUN", "TOOK", "OUTCOME", "ANSWER")
    return try await text(pages, limit, &table) { attempt in
      [
        attempt.key.chunk.description, String(attempt.key.number), zone.text(attempt.startedAt),
        attempt.took.map(HumanDuration.text) ?? "-", attempt.outcome?.rawValue ?? "under way",
        answer(attempt.status, attempt.code, attempt.message),
      ]
    }
  }

  private func text<Row, Cursor>(
    _ pages: RowPages<Row, Cursor>, _ limit: Int?, _ table: inout TextTable, cells: (Row) -> [String]
  ) async throws -> String {
    let (rows, more) = try await first(pages, limit)
    return text(rows, more, &table, cells: cells)
  }

  /// The rows that are shown, and what is said of those that are not.
  private func first<Row, Cursor>(
    _ pages: RowPages<Row, Cursor>, _ limit: Int?
  ) async throws -> (rows: [Row], more: String) {
    let shown = min(limit ?? Self.rowLimit, Self.mostRows)
    let (rows, hasMore) = try await pages.first(shown)
    return (
      rows,
      hasMore && limit != shown
        ? "more rows are not shown: raise --limit, or use --format csv or json\n" : ""
    )
  }

  private func text<Row>(
    _ rows: [Row], _ more: String, _ table: inout TextTable, cells: (Row) -> [String]
  ) -> String {
    guard !rows.isEmpty else { return "no matching rows\n" }
    for row in rows { table.add(cells(row)) }
    return table.text() + more
  }

  private func id(_ id: String?) -> String { id.map { VisibleText.escape($0, cutAt: 80) } ?? "-" }

  private func answer(_ status: Int?, _ code: String?, _ message: String?) -> String {
    VisibleText.answer(status, code, message, cutAt: 100)
  }
}

/// Rows of cells written in aligned columns, two spaces apart.
struct TextTable {
  /// On which side of its column a cell stands.
  enum Alignment {
    /// For words.
    case left
    /// For numbers.
    case right
  }

  private let alignments: [Alignment]
  private var rows: [[String]] = []

  /// A table without rows.
  init(_ alignments: Alignment...) { self.alignments = alignments }

  /// Adds a row; cells beyond the last column are dropped.
  mutating func add(_ cells: String...) { rows.append(cells) }

  /// Adds a row; cells beyond the last column are dropped.
  mutating func add(_ cells: [String]) { rows.append(cells) }

  /// The rows, one per line, without spaces at the end of a line.
  func text(indent: String = "") -> String {
    var widths = alignments.map { _ in 0 }
    for row in rows {
      for (column, cell) in zip(widths.indices, row) {
        widths[column] = max(widths[column], TextColumns.count(cell))
      }
    }
    var text = ""
    for row in rows {
      var line = indent
      for (column, cell) in zip(widths.indices, row) {
        let padding = String(repeating: " ", count: widths[column] - TextColumns.count(cell))
        if column > 0 { line += "  " }
        line += alignments[column] == .left ? cell + padding : padding + cell
      }
      while line.hasSuffix(" ") { line.removeLast() }
      text += line + "\n"
    }
    return text
  }
}
