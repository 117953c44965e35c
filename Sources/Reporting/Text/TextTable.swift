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
