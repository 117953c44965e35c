import BatchDomain

/// Writes records of comma-separated values (RFC 4180), safe to open in a spreadsheet.
package struct CSVWriter {
  private var text = ""

  /// No records yet.
  package init() {}

  /// Returns what was written since the last call, and forgets it.
  package mutating func take() -> String {
    defer { text.removeAll(keepingCapacity: true) }
    return text
  }

  /// Adds a record, ended by CR LF as the standard has it. `nil` is an empty cell.
  package mutating func add(_ cells: [String?]) {
    for (column, cell) in cells.enumerated() {
      if column > 0 { text += "," }
      if let cell { text += Self.cell(cell) }
    }
    text += "\r\n"
  }

  /// One cell: control characters escaped, in quotes where the standard demands it.
  ///
  /// What a spreadsheet would run as a formula gets an apostrophe in front (OWASP, "CSV Injection").
  package static func cell(_ value: String) -> String {
    let escaped = VisibleText.escape(value)
    if let first = value.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) {
      return quote("'" + escaped)
    }
    return escaped.utf8.contains { $0 == 0x22 || $0 == 0x2C } || escaped != value ? quote(escaped) : escaped
  }

  private static func quote(_ value: String) -> String {
    "\"" + value.replacing(scalar: "\"", by: "\"\"") + "\""
  }
}
