import Foundation

extension Ledger {
  /// Reads back what a simulator wrote to its ledger file, also one that was killed: a last line that is cut is ignored.
  package static func read(_ path: String) throws -> [LedgerEntry] {
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    var entries: [LedgerEntry] = []
    var positions: [Int: Int] = [:]
    let lines = text.split(separator: "\n")
    for (number, line) in lines.enumerated() {
      let event: LedgerEvent
      do {
        event = try decoder.decode(LedgerEvent.self, from: Data(line.utf8))
      } catch {
        // Only the last line can be cut, by the end of the process. Any other loss would falsify the count of items
        // taken twice.
        guard number == lines.count - 1, !text.hasSuffix("\n") else { throw error }
        break
      }
      if let arrived = event.arrived {
        positions[event.ordinal] = entries.count
        entries.append(arrived)
      } else if let position = positions[event.ordinal] {
        event.complete(&entries[position])
      }
    }
    return entries
  }
}
