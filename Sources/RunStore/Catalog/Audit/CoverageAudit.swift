import BatchDomain

/// Whether the chunks that were not split cover the items of a run exactly.
///
/// Safe beside an owner that splits chunks: the ranges only ever get finer, so what one page ended with is still the
/// end of a chunk when the next page is read.
struct CoverageAudit: AuditPass {
  static let pageSize = 1_000

  /// A chunk that was not split when it was read.
  private struct Leaf: Sendable {
    let number: Int
    let firstItem: Int
    let itemCount: Int
  }

  private let run: AuditedRun
  /// The leaf that was read last.
  private var last: Leaf?
  /// The leaf that reaches furthest.
  private var furthest: Leaf?
  private var covered = 0

  init(_ run: AuditedRun) { self.run = run }

  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool {
    let leaves = try connection.snapshot { try read(in: connection) }
    for leaf in leaves { take(leaf, &findings) }
    if leaves.count == Self.pageSize { return true }
    if covered < run.items {
      findings.add(.coverage, "items \(covered) to \(run.items - 1)", "are in no chunk, expected each in one")
    } else if covered > run.items, let furthest {
      findings.add(
        .coverage, "chunk \(furthest.number)",
        "ends with item \(covered - 1), and the run has \(run.items) items, numbered from 0")
    }
    return false
  }

  private func read(in connection: Connection) throws -> [Leaf] {
    var start = (firstItem: last?.firstItem ?? Int.min, number: last?.number ?? -1)
    if let last {
      let isStillLeaf = try connection.first(
        "SELECT state <> 'split' FROM chunk WHERE run = ? AND number = ?", .integer(run.row),
        .integer(last.number)
      ) { $0.flag(0) }
      // Its children stand where it stood, and were not there when it was read.
      if isStillLeaf == false { start = (covered, -1) }
    }
    return try connection.rows(
      """
      SELECT number, first_item, item_count FROM chunk INDEXED BY chunk_items
      WHERE run = ?1 AND first_item >= ?2 AND (first_item > ?2 OR number > ?3) AND state <> 'split'
      ORDER BY first_item, number LIMIT ?4
      """, .integer(run.row), .integer(start.firstItem), .integer(start.number), .integer(Self.pageSize)
    ) { Leaf(number: $0.int(0), firstItem: $0.int(1), itemCount: $0.int(2)) }
  }

  private mutating func take(_ leaf: Leaf, _ findings: inout AuditFindings) {
    let end = leaf.firstItem + leaf.itemCount
    let row = "chunk \(leaf.number)"
    if leaf.firstItem > covered {
      findings.add(
        .coverage, "items \(covered) to \(leaf.firstItem - 1)",
        "are in no chunk, expected each in one; the next is \(row)")
    } else if leaf.firstItem < covered {
      findings.add(
        .coverage, row,
        "begins with item \(leaf.firstItem), which chunk \(furthest?.number ?? 0) has, too; expected item \(covered)"
      )
    }
    last = leaf
    if end > covered || furthest == nil {
      furthest = leaf
      covered = max(covered, end)
    }
  }
}
