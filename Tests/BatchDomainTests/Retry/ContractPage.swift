import Foundation
import Testing

/// The tables of `docs/retry-contract.md`. TransferClientTests has a link to this file.
enum ContractPage {
  /// The rows of the one table with these column heads, cells without white space around them.
  static func rows(_ columns: String...) throws -> [[String]] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
        "docs/retry-contract.md")
    let lines = try String(contentsOf: file, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    let heads = lines.indices.filter { cells(lines[$0]) == columns }
    try #require(heads.count == 1, "\(heads.count) tables have the columns \(columns)")
    let rows = lines[(heads[0] + 2)...].prefix { $0.hasPrefix("|") }.map(cells)
    try #require(!rows.isEmpty && rows.allSatisfy { $0.count == columns.count }, "\(columns)")
    return rows
  }

  /// What stands in a cell between the first two back quotes.
  static func code(_ cell: String) throws -> String {
    let parts = cell.split(separator: "`", omittingEmptySubsequences: false)
    try #require(parts.count >= 3, "\(cell)")
    return String(parts[1])
  }

  private static func cells(_ line: Substring) -> [String] {
    guard line.hasPrefix("|"), line.hasSuffix("|") else { return [] }
    return line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
