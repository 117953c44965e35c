import BatchDomain

/// Whether chunks that were split and their children fit together.
struct FamilyAudit {
  let row: Int64
  /// The parent that was read last: children of one chunk stand beside one another.
  private var known: Parent?

  /// A chunk as its children see it.
  private struct Parent {
    let number: Int
    let state: String
    let firstItem: Int
    let itemCount: Int
    let verdict: Settlement.Verdict?
  }

  init(row: Int64) { self.row = row }

  /// Holds a chunk against its parent and its children.
  ///
  /// - Returns: the verdict on the last attempt of its parent.
  mutating func check(
    _ chunk: ChunkRecords, in connection: Connection, _ findings: inout AuditFindings
  ) throws -> Settlement.Verdict? {
    if chunk.state == ChunkState.split.rawValue { try checkChildren(of: chunk, in: connection, &findings) }
    guard let number = chunk.parent else { return nil }
    let name = "chunk \(chunk.number)"
    guard let parent = try parent(number, in: connection) else {
      findings.add(.children, name, "was split from chunk \(number), which is not there")
      return nil
    }
    if number >= chunk.number {
      findings.add(.children, name, "was split from chunk \(number), expected a chunk made before it")
    }
    if parent.state != ChunkState.split.rawValue {
      findings.add(
        .children, "chunk \(number)", "is \(parent.state) and has the child \(chunk.number), expected split")
    }
    let end = chunk.firstItem + chunk.itemCount
    if chunk.firstItem < parent.firstItem || end > parent.firstItem + parent.itemCount {
      findings.add(
        .children, name,
        "has the items \(chunk.firstItem) to \(end - 1), expected some of chunk \(number), which it was split "
          + "from: \(parent.firstItem) to \(parent.firstItem + parent.itemCount - 1)")
    }
    return parent.verdict
  }

  private func checkChildren(
    of chunk: ChunkRecords, in connection: Connection, _ findings: inout AuditFindings
  ) throws {
    var covered = chunk.firstItem
    var isExact = true
    let end = chunk.firstItem + chunk.itemCount
    _ = try connection.rows(
      """
      SELECT first_item, item_count FROM chunk INDEXED BY chunk_items
      WHERE run = ? AND first_item >= ? AND first_item < ? AND parent = ? ORDER BY first_item
      """, .integer(row), .integer(chunk.firstItem), .integer(end), .integer(chunk.number)
    ) { child in
      if child.int(0) != covered { isExact = false }
      covered = max(covered, child.int(0) + child.int(1))
    }
    guard !isExact || covered != end else { return }
    let found =
      covered == chunk.firstItem && isExact
      ? "has no children" : "has children that do not follow one another, up to item \(covered - 1)"
    findings.add(
      .children, "chunk \(chunk.number)",
      "is split and \(found); expected children that cover exactly its items \(chunk.firstItem) to \(end - 1)"
    )
  }

  private mutating func parent(_ number: Int, in connection: Connection) throws -> Parent? {
    if let known, known.number == number { return known }
    known = try connection.first(
      """
      SELECT number, state, first_item, item_count,
             (SELECT verdict FROM settlement AS s
              WHERE s.run = c.run AND s.chunk = c.number AND s.attempt = c.attempts AND verdict <> 'undecided'
              ORDER BY decided_at DESC LIMIT 1)
      FROM chunk AS c WHERE run = ? AND number = ?
      """, .integer(row), .integer(number)
    ) {
      Parent(
        number: $0.int(0), state: $0.text(1), firstItem: $0.int(2), itemCount: $0.int(3),
        verdict: $0.optionalText(4).flatMap(Settlement.Verdict.init(rawValue:)))
    }
    return known
  }
}
