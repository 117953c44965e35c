import Foundation

/// The tables of `docs/retry-contract.md`, for tests that compare them with the code.
package enum ContractPage {
  /// The page does not have the form that the tests expect.
  package struct Failure: Error, CustomStringConvertible {
    /// What was found.
    package let description: String

    /// Something that the tests do not expect.
    package init(_ description: String) { self.description = description }
  }

  /// The rows of the one table with these column heads, cells without white space around them.
  package static func rows(_ columns: String...) throws -> [[String]] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("docs/retry-contract.md")
    let lines = try String(contentsOf: file, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    let heads = lines.indices.filter { cells(lines[$0]) == columns }
    guard heads.count == 1 else {
      throw Failure("\(heads.count) tables have the columns \(columns)")
    }
    let rows = lines[(heads[0] + 2)...].prefix { $0.hasPrefix("|") }.map(cells)
    guard !rows.isEmpty, rows.allSatisfy({ $0.count == columns.count }) else {
      throw Failure(
        "the table with the columns \(columns) has no rows, or rows of another length")
    }
    return rows
  }

  /// What stands in a cell between the first two back quotes.
  package static func code(_ cell: String) throws -> String {
    let parts = cell.split(separator: "`", omittingEmptySubsequences: false)
    guard parts.count >= 3 else { throw Failure("no code in the cell \"\(cell)\"") }
    return String(parts[1])
  }

  private static func cells(_ line: Substring) -> [String] {
    guard line.hasPrefix("|"), line.hasSuffix("|") else { return [] }
    return line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
