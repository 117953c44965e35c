import BatchDomain

/// Whether the sums that are kept beside the rows, and the state of the run, are those of the rows.
struct TotalsAudit {
  /// Rows that are counted at one moment when the run moves meanwhile; counting more would be a long read.
  static let countedAtOnce = 200_000

  /// Chunks and items by state.
  let counted: [String: ChunkAudit.Tally]
  /// Attempts.
  let attempts: Int

  /// What was counted page by page, of a run that nobody moved meanwhile.
  init(counted: [String: ChunkAudit.Tally], attempts: Int) {
    self.counted = counted
    self.attempts = attempts
  }

  /// Counts as of now.
  ///
  /// - Returns: `nil` when there is too much to be counted at one moment.
  init?(countingOnce run: AuditedRun, in connection: Connection) throws {
    let chunks = try connection.first("SELECT sum(chunks) FROM tally WHERE run = ?", .integer(run.row)) {
      $0.int(0)
    }
    guard max(chunks ?? 0, run.attempts) <= Self.countedAtOnce else { return nil }
    var counted: [String: ChunkAudit.Tally] = [:]
    _ = try connection.rows(
      "SELECT state, count(*), sum(item_count) FROM chunk WHERE run = ? GROUP BY state", .integer(run.row)
    ) { counted[$0.text(0)] = ChunkAudit.Tally(chunks: $0.int(1), items: $0.int(2)) }
    self.counted = counted
    attempts =
      try connection.first("SELECT count(*) FROM attempt WHERE run = ?", .integer(run.row)) { $0.int(0) } ?? 0
  }

  /// Holds what was counted against what is kept.
  func check(_ run: AuditedRun, in connection: Connection, _ findings: inout AuditFindings) throws {
    var kept: [String: ChunkAudit.Tally] = [:]
    _ = try connection.rows("SELECT state, chunks, items FROM tally WHERE run = ?", .integer(run.row)) {
      kept[$0.text(0)] = ChunkAudit.Tally(chunks: $0.int(1), items: $0.int(2))
    }
    for state in Set(kept.keys).union(counted.keys).sorted() {
      let found = kept[state] ?? ChunkAudit.Tally()
      let expected = counted[state] ?? ChunkAudit.Tally()
      guard found != expected else { continue }
      findings.add(
        .totals, "the tally of state \(state)",
        "says \(HumanNumber.text(found.chunks, "chunk")) and \(HumanNumber.text(found.items, "item")), expected "
          + "\(HumanNumber.text(expected.chunks)) and \(HumanNumber.text(expected.items))"
      )
    }
    if run.attempts != attempts {
      findings.addOfRun(
        .totals,
        "says \(HumanNumber.text(run.attempts, "attempt")), expected \(HumanNumber.text(attempts)), one per row"
      )
    }
    try checkState(of: run, in: connection, &findings)
  }

  private func checkState(
    of run: AuditedRun, in connection: Connection, _ findings: inout AuditFindings
  ) throws {
    let open: [ChunkState] =
      switch RunState(rawValue: run.state) {
      case .running, nil: []
      case .paused: [.submitting]
      case .cancelled where run.isCopied: [.submitting]
      case .finished, .cancelled: [.pending, .submitting, .processing]
      case .planning: ChunkState.allCases.filter { $0 != .pending }
      }
    for state in open {
      guard var found = counted[state.rawValue]?.chunks else { continue }
      if run.mayInherit, state == .submitting, run.state == RunState.paused.rawValue {
        // What a lost owner has under way stays so for a while, also when the run is paused meanwhile.
        found =
          try connection.first(
            """
            SELECT count(*) FROM chunk WHERE run = ? AND state = 'submitting' AND owner >= ? AND \(ChunkRows.indexed)
            """, .integer(run.row), .integer(run.owner)
          ) { $0.int(0) } ?? 0
      }
      guard found > 0 else { continue }
      findings.addOfRun(
        .run,
        "is \(run.state) and has \(HumanNumber.text(found, "chunk")) in state \(state.rawValue), expected none"
      )
    }
    // The engine checks these rules on writing, and not at all where it may only read.
    if (run.state == RunState.paused.rawValue) != (run.reason != nil) {
      findings.addOfRun(.run, "is \(run.state) with \(run.reason.map { "the reason \($0)" } ?? "no reason")")
    }
    let isOver = [RunState.finished.rawValue, RunState.cancelled.rawValue].contains(run.state)
    if isOver != (run.finishedAt != nil) {
      findings.addOfRun(.run, "is \(run.state) and has \(isOver ? "no time" : "a time") at which it ended")
    }
    if run.state == RunState.planning.rawValue, attempts > 0 {
      findings.addOfRun(.run, "is planning and has \(HumanNumber.text(attempts, "attempt")), expected none")
    }
  }
}

/// Whether the counts that are kept of tracked items are those of the rows.
///
/// A process that tracks a run need not own it. Where items were moved while they were counted page by page, they are counted once
/// more at one moment, unless there are too many.
struct TrackedTotalsAudit: AuditPass {
  private static let pageSize = 20_000

  private let run: Int64
  private var next: Int64
  private var end: Int64 { (run + 1) << 40 }
  /// What was kept when counting began.
  private var before: [String: Int]?
  private var counted: [String: Int] = [:]
  /// Whether the counts could be compared.
  private(set) var isWhole = true

  /// The tracked items of a run, by the row of the run.
  init(_ run: Int64) {
    self.run = run
    next = run << 40
  }

  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool {
    try connection.snapshot {
      let kept = try kept(in: connection)
      if before == nil { before = kept }
      let page = try connection.rows(
        """
        SELECT state, count(*), max(position) FROM
          (SELECT state, position FROM tracked_item WHERE position >= ? AND position < ? ORDER BY position LIMIT ?) AS page
        GROUP BY state
        """, .integer(next), .integer(end), .integer(Self.pageSize)
      ) { (state: $0.text(0), items: $0.int(1), last: Int64($0.int(2))) }
      for part in page { counted[part.state, default: 0] += part.items }
      if page.reduce(0, { $0 + $1.items }) == Self.pageSize, let last = page.map(\.last).max() {
        next = last + 1
        return true
      }
      if kept != before {
        guard kept.values.reduce(0, +) <= TotalsAudit.countedAtOnce else {
          isWhole = false
          return false
        }
        counted = try countOnce(in: connection)
      }
      compare(kept, &findings)
      return false
    }
  }

  /// Items by state as they are kept; none where it is 0.
  private func kept(in connection: Connection) throws -> [String: Int] {
    var kept: [String: Int] = [:]
    try connection.forEach(
      "SELECT state, items FROM tracked_tally WHERE run = ? AND items <> 0", .integer(run)
    ) { kept[$0.text(0)] = $0.int(1) }
    return kept
  }

  private func countOnce(in connection: Connection) throws -> [String: Int] {
    var sums: [String: Int] = [:]
    try connection.forEach(
      "SELECT state, count(*) FROM tracked_item WHERE position >= ? AND position < ? GROUP BY state",
      .integer(run << 40), .integer(end)
    ) { sums[$0.text(0)] = $0.int(1) }
    return sums
  }

  private func compare(_ kept: [String: Int], _ findings: inout AuditFindings) {
    for state in Set(kept.keys).union(counted.keys).sorted() {
      let (found, expected) = (kept[state] ?? 0, counted[state] ?? 0)
      guard found != expected else { continue }
      findings.add(
        .totals, "the tally of tracked items that are \(state)",
        "says \(HumanNumber.text(found, "item")), expected \(HumanNumber.text(expected))")
    }
  }
}

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
    let end = Range(firstItem: chunk.firstItem, count: chunk.itemCount).upperBound
    let parentEnd = Range(firstItem: parent.firstItem, count: parent.itemCount).upperBound
    if chunk.firstItem < parent.firstItem || end > parentEnd {
      findings.add(
        .children, name,
        "has the items \(chunk.firstItem) to \(end - 1), expected some of chunk \(number), which it was split "
          + "from: \(parent.firstItem) to \(parentEnd - 1)")
    }
    return parent.verdict
  }

  private func checkChildren(
    of chunk: ChunkRecords, in connection: Connection, _ findings: inout AuditFindings
  ) throws {
    var covered = chunk.firstItem
    var isExact = true
    let end = Range(firstItem: chunk.firstItem, count: chunk.itemCount).upperBound
    _ = try connection.rows(
      """
      SELECT first_item, item_count FROM chunk INDEXED BY chunk_items
      WHERE run = ? AND first_item >= ? AND first_item < ? AND parent = ? ORDER BY first_item
      """, .integer(row), .integer(chunk.firstItem), .integer(end), .integer(chunk.number)
    ) { child in
      if child.int(0) != covered { isExact = false }
      covered = max(covered, Range(firstItem: child.int(0), count: child.int(1)).upperBound)
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
