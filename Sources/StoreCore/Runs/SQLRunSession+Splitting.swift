import BatchDomain
import Crypto

extension SQLRunSession {
  func refusals(of chunk: ChunkNumber) async throws -> RefusalHistory {
    try await database.read { [self] connection in
      let semantics = try connection.first("SELECT refusals FROM run WHERE id = ?", .integer(row)) {
        RejectionSemantics(rawValue: $0.text(0))
      }.flatMap { $0 }
      guard let semantics else {
        throw StoreError(.damaged, "run \(run) does not say what its refusals mean")
      }
      let root = try root(of: chunk, in: connection)
      var family = ChunkFamily(isPiece: root.number != chunk)
      guard family.isPiece else { return RefusalHistory(semantics: semantics, family: family) }
      family.wasLookedUp =
        try connection.first(
          """
          SELECT 1 FROM chunk AS c INDEXED BY chunk_items
          JOIN settlement AS s ON s.run = c.run AND s.chunk = c.number
            AND s.verdict = 'not_received' AND s.authority = 'listing'
          JOIN attempt AS a ON a.run = s.run AND a.chunk = s.chunk AND a.number = s.attempt
            AND a.outcome = 'content'
          WHERE c.run = ? AND c.first_item >= ? AND c.first_item < ? LIMIT 1
          """, .integer(row), .integer(root.items.lowerBound), .integer(root.items.upperBound)
        ) { _ in true } ?? false
      // Every other chunk within the range of a planned one descends from it.
      _ = try connection.rows(
        """
        SELECT state, coalesce(last_code, 'http_' || last_status), count(*) FROM chunk INDEXED BY chunk_items
        WHERE run = ? AND first_item >= ? AND first_item < ? AND number <> ? AND number <> ?
          AND (state = 'accepted' OR state = 'rejected' AND item_count = 1 AND attempts > 0)
        GROUP BY 1, 2
        """, .integer(row), .integer(root.items.lowerBound), .integer(root.items.upperBound),
        .integer(root.number.rawValue), .integer(chunk.rawValue)
      ) {
        if $0.text(0) == ChunkState.accepted.rawValue {
          family.accepted += $0.int(2)
        } else {
          family.singleRefusals[$0.text(1), default: 0] += $0.int(2)
        }
      }
      return RefusalHistory(semantics: semantics, family: family)
    }
  }

  /// Puts pieces in the place of a chunk that was just moved to `split`, in the transaction that is under way.
  ///
  /// Pieces are sent before chunks that were not tried, the smaller ones first: where every chunk is refused, that
  /// is known after the first ones and not at the end of the night.
  func divide(_ chunk: ChunkNumber, into division: Division, in connection: Connection) throws {
    guard let parent = try position(of: chunk, in: connection) else {
      throw StoreError(.damaged, "chunk \(chunk) of run \(run) was divided and is not there")
    }
    guard division.pieces.first?.items.lowerBound == parent.items.lowerBound,
      division.pieces.last?.items.upperBound == parent.items.upperBound,
      zip(division.pieces, division.pieces.dropFirst()).allSatisfy({
        $0.items.upperBound == $1.items.lowerBound
      })
    else {
      throw StoreError(.internal, "the pieces of chunk \(chunk) of run \(run) do not cover it exactly")
    }
    let plan = try connection.first(
      "SELECT \(ChunkContents.Plan.columns) FROM chunk WHERE run = ? AND number = ?", .integer(row),
      .integer(chunk.rawValue), read: ChunkContents.Plan.init)
    // What the pieces are planned with comes from items that are still those the chunk was planned with.
    if let plan { _ = try contents.content(of: plan, in: connection) }
    let forms = try contents.wireForms(of: parent.items, in: connection)
    let last = try connection.first("SELECT max(number) FROM chunk WHERE run = ?", .integer(row)) {
      $0.int(0)
    }
    for (offset, piece) in division.pieces.enumerated() {
      let content = forms.content(of: piece.items)
      try connection.run(
        """
        INSERT INTO chunk (run, number, first_item, item_count, byte_count, digest, index_id, names_clash,
                           parent, step, state, ready_at, counted_attempts)
        SELECT run, ?, ?, ?, ?, ?, ?, names_clash, number, step, ?, CASE WHEN ready_at < 0 THEN ready_at ELSE 0 END - 1, ?
        FROM chunk WHERE run = ? AND number = ?
        """, .integer((last ?? 0) + 1 + offset), .integer(piece.items.lowerBound),
        .integer(piece.items.count), .integer(content.count),
        .blob(Array(SHA256.hash(data: content))), .text(forms.index(of: piece.items)?.rawValue),
        .text(piece.state.rawValue),
        .integer(division.countedAttempts), .integer(row), .integer(chunk.rawValue))
    }
  }

  /// Rejects what is left of a refused chunk's family without telling its items apart.
  func rejectRest(of result: AttemptRecord, in connection: Connection) throws {
    let root = try root(of: result.chunk, in: connection)
    let state = try ChunkState.pending.after(.refusedAlike)
    try connection.run(
      """
      UPDATE chunk SET state = ?, not_isolated = 1, last_outcome = ?, last_status = ?, last_code = ?,
                       last_message = ?, last_at = ?
      WHERE run = ? AND first_item >= ? AND first_item < ? AND state = 'pending'
        AND \(ChunkRows.indexed)
      """, .text(state.rawValue), .text(result.outcome.rawValue), .integer(result.status),
      .text(result.code), .text(result.message), .integer(result.finishedAt.milliseconds), .integer(row),
      .integer(root.items.lowerBound), .integer(root.items.upperBound))
  }

  private struct Place {
    let number: ChunkNumber
    let items: Range<Int>
    let parent: ChunkNumber?
  }

  private func position(of chunk: ChunkNumber, in connection: Connection) throws -> Place? {
    try connection.first(
      "SELECT first_item, item_count, parent FROM chunk WHERE run = ? AND number = ?", .integer(row),
      .integer(chunk.rawValue)
    ) {
      Place(
        number: chunk, items: Range(firstItem: $0.int(0), count: $0.int(1)),
        parent: $0.optionalInt(2).map { ChunkNumber($0) })
    }
  }

  /// The planned chunk that a chunk is a piece of: itself, where it was planned.
  private func root(of chunk: ChunkNumber, in connection: Connection) throws -> Place {
    var number = chunk
    while true {
      guard let place = try position(of: number, in: connection) else {
        throw StoreError(.damaged, "chunk \(number) of run \(run) is gone from the store")
      }
      // A parent comes before its pieces, so that even a damaged chain ends.
      guard let parent = place.parent, parent < number else { return place }
      number = parent
    }
  }
}
