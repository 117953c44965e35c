package import BatchDomain

extension SQLStore {
  /// How a run went, gathered over ranges of chunk numbers, so that no read is long.
  package func insight(into run: RunID) async throws -> RunInsight {
    let frame = try await reader.read { connection in try InsightFrame(of: run, in: connection) }
    var insight = RunInsight(
      throughput: Throughput(frame.span), latencies: LatencyHistogram(),
      map: ChunkMap(items: frame.items, chunks: frame.chunks))
    for first in stride(from: 0, to: frame.chunks, by: Self.insightRange) {
      insight = try await reader.read { [insight] connection in
        var reader = InsightReader(
          row: frame.row, chunks: first..<first + Self.insightRange, connection: connection,
          insight: insight)
        try reader.read()
        return reader.insight
      }
    }
    return insight
  }

  /// Chunks looked at in one read.
  private static let insightRange = 10_000
}

/// What has to be known of a run before its chunks are looked at.
private struct InsightFrame: Sendable {
  let row: Int64
  let items: Int
  let chunks: Int
  let span: ClosedRange<Timestamp>?

  init(of run: RunID, in connection: Connection) throws {
    let row = try SQLStore.row(of: run, in: connection)
    let times = try connection.first(
      "SELECT first_intent_at, last_outcome_at FROM run WHERE id = ?", .integer(row)
    ) { ($0.optionalInt(0), $0.optionalInt(1)) }
    self.row = row
    // Numbers have no gaps: pieces of a divided chunk follow after the last.
    chunks =
      try connection.first("SELECT max(number) + 1 FROM chunk WHERE run = ?", .integer(row)) { $0.int(0) }
      ?? 0
    items =
      try connection.first("SELECT sum(items) FROM tally WHERE run = ? AND state <> 'split'", .integer(row)) {
        $0.int(0)
      } ?? 0
    if let first = times?.0, let last = times?.1 {
      span =
        Timestamp(milliseconds: Int64(first))...Timestamp(milliseconds: Int64(max(first, last)))
    } else {
      span = nil
    }
  }
}

/// Adds what a range of chunks has to an insight.
private struct InsightReader {
  let row: Int64
  let chunks: Range<Int>
  let connection: Connection
  var insight: RunInsight

  mutating func read() throws {
    try readMap()
    try readThroughput()
    try readLatencies()
    try readSlowest()
  }

  private mutating func readMap() throws {
    let found = try connection.rows(
      """
      SELECT first_item / ?4, state, count(*), min(first_item), max(first_item + item_count)
      FROM chunk WHERE run = ?1 AND number >= ?2 AND number < ?3 AND state <> 'split'
      GROUP BY 1, 2
      """, .integer(row), .integer(chunks.lowerBound), .integer(chunks.upperBound),
      .integer(insight.map.width)
    ) {
      (
        place: $0.int(0), state: try SQLStore.state($0.text(1)), count: $0.int(2),
        items: $0.int(3)..<$0.int(4)
      )
    }
    for group in found { insight.map.add(group.count, group.state, items: group.items, place: group.place) }
  }

  private mutating func readThroughput() throws {
    guard !insight.throughput.accepted.isEmpty else { return }
    // A piece that was never sent itself was accepted with what its parent's lost answer left there.
    let found = try connection.rows(
      """
      SELECT (coalesce(last_at, (SELECT whole.last_at FROM chunk AS whole
                                 WHERE whole.run = part.run AND whole.number = part.parent), ?4) - ?4) / ?5,
             sum(item_count)
      FROM chunk AS part WHERE run = ?1 AND number >= ?2 AND number < ?3 AND state = 'accepted'
      GROUP BY 1
      """, .integer(row), .integer(chunks.lowerBound), .integer(chunks.upperBound),
      .integer(insight.throughput.start.milliseconds),
      .integer(insight.throughput.step.millisecondsRoundedUp)
    ) { (slot: $0.int(0), items: $0.int(1)) }
    for group in found { insight.throughput.add(group.items, slot: group.slot) }
  }

  private mutating func readLatencies() throws {
    let found = try connection.rows(
      """
      SELECT took_ms, count(*) FROM attempt
      WHERE run = ? AND chunk >= ? AND chunk < ? AND \(Self.isMeasured) GROUP BY 1
      """, .integer(row), .integer(chunks.lowerBound), .integer(chunks.upperBound)
    ) { (milliseconds: $0.int(0), count: $0.int(1)) }
    for group in found { insight.latencies.add(group.count, milliseconds: group.milliseconds) }
  }

  private mutating func readSlowest() throws {
    let found = try connection.rows(
      """
      SELECT slow.chunk, first_item, item_count, state, attempts, slow.longest
      FROM (SELECT chunk, max(took_ms) AS longest FROM attempt
            WHERE run = ?1 AND chunk >= ?2 AND chunk < ?3 AND \(Self.isMeasured)
            GROUP BY chunk ORDER BY longest DESC, chunk LIMIT ?4) AS slow
        JOIN chunk ON chunk.run = ?1 AND chunk.number = slow.chunk
      """, .integer(row), .integer(chunks.lowerBound), .integer(chunks.upperBound),
      .integer(RunInsight.slowestCount)
    ) {
      SlowChunk(
        number: ChunkNumber($0.int(0)), items: Range(firstItem: $0.int(1), count: $0.int(2)),
        state: try SQLStore.state($0.text(3)), attempts: $0.int(4), longest: .milliseconds($0.int(5)))
    }
    let ordered = (insight.slowest + found).sorted {
      ($1.longest, $0.number) < ($0.longest, $1.number)
    }
    insight.slowest = Array(ordered.prefix(RunInsight.slowestCount))
  }

  /// What an attempt took is known only where its process lived to see the end.
  private static let isMeasured =
    "took_ms IS NOT NULL AND (code IS NULL OR code NOT IN \(SQLRunSession.ownerCodes))"
}
