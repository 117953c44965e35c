package import BatchDomain
import Crypto

/// A power cut may take back the last changes of a look that has not ended: the next look makes them again. The end of a look
/// is durable, and all before it.
extension SQLStore: Tracking {
  /// Begins to follow accepted items. They are read beside the queue that commits: what was accepted stays so.
  package func follow(
    of run: RunID, after: Int?, limit: Int, mark: @escaping @Sendable (SentItem) -> String?
  ) async throws -> (followed: Int, next: Int?) {
    try engine.confirmSchema()
    let row = try await database.write(isDurable: false) { connection in
      let row = try Self.row(of: run, in: connection)
      try connection.run("INSERT INTO tracked_run (run) VALUES (?) ON CONFLICT DO NOTHING", .integer(row))
      return row
    }
    let page = try await reader.read { connection in
      try FollowedPage.read(row, after: after ?? -1, limit: limit, in: connection)
    }
    let marked = page.items.map { (item: $0, mark: mark($0).map(Self.digest)) }
    if !marked.isEmpty {
      try await database.write(isDurable: false) { connection in
        // It may have been removed meanwhile.
        _ = try Self.row(of: run, in: connection)
        for entry in marked {
          try Self.add(entry.item, mark: entry.mark, of: row, in: connection)
        }
      }
    }
    return (marked.count, page.next)
  }

  private static func add(
    _ item: SentItem, mark: [UInt8]?, of run: Int64, in connection: Connection
  ) throws {
    try connection.run(
      "INSERT INTO tracked_listing (run, index_id) VALUES (?, ?) ON CONFLICT DO NOTHING", .integer(run),
      .text(item.index.rawValue))
    try connection.run(
      """
      INSERT INTO tracked_item (position, listing, mark, since, until, state, external_id)
      VALUES (?1, (SELECT id FROM tracked_listing WHERE run = ?2 AND index_id = ?3), ?4, ?5, ?6, ?7, ?8)
      ON CONFLICT (position) DO NOTHING
      """, .integer(ItemPosition.of(run: run, sequence: item.sequence)), .integer(run),
      .text(item.index.rawValue), .blob(mark), .integer(item.since.milliseconds),
      .integer(item.until.milliseconds),
      .text((mark == nil ? TrackedState.ambiguous : .notSeen).rawValue), .text(item.externalID))
  }

  /// What stands for a mark: as long whatever the mark is.
  private static func digest(_ mark: String) -> [UInt8] {
    Array(SHA256.hash(data: Array(mark.utf8)).prefix(16))
  }

  package func openListings(of run: RunID) async throws -> [OpenListing] {
    let isOpen = "i.listing = l.id AND i.state <> 'ready' AND i.state <> 'failed' AND i.mark IS NOT NULL"
    return try await reader.read { connection in
      // One by one: a join with groups would sort a row for each item.
      try connection.rows(
        """
        SELECT l.id, l.index_id, l.next_page,
               (SELECT count(*) FROM tracked_item AS i INDEXED BY tracked_item_open WHERE \(isOpen)),
               (SELECT min(since) FROM tracked_item AS i INDEXED BY tracked_item_open WHERE \(isOpen))
        FROM tracked_listing AS l
        WHERE l.run = ? AND EXISTS (SELECT 1 FROM tracked_item AS i INDEXED BY tracked_item_open WHERE \(isOpen))
        ORDER BY l.index_id
        """, .integer(try Self.row(of: run, in: connection))
      ) {
        OpenListing(
          id: Int64($0.int(0)), run: run, index: IndexID($0.text(1)), open: $0.int(3),
          since: Timestamp(milliseconds: Int64($0.int(4))), nextPage: $0.optionalInt(2))
      }
    }
  }

  package func record(_ page: ListedPage, of listing: OpenListing, isByID: Bool) async throws -> Int {
    try engine.confirmSchema()
    let videos = page.videos.compactMap { video in video.mark.map { (video: video, mark: Self.digest($0)) } }
    return try await database.write(isDurable: false) { connection in
      var changed = 0
      for entry in videos {
        if isByID {
          changed += try Self.move(
            TrackedFinding(entry.video), listing, mark: entry.mark, in: connection)
        } else {
          try Self.putAside(entry.video, listing, mark: entry.mark, in: connection)
        }
      }
      try connection.run(
        "UPDATE tracked_listing SET next_page = ? WHERE id = ?",
        .integer(page.isLast ? nil : page.number + 1),
        .integer(listing.id))
      if changed > 0 { try Self.note(changedAt: page.readAt, listing, in: connection) }
      return changed
    }
  }

  /// Moves the one item of a mark, unless it is final.
  private static func move(
    _ finding: TrackedFinding, _ listing: OpenListing, mark: [UInt8], in connection: Connection
  ) throws -> Int {
    try connection.run(
      """
      UPDATE tracked_item SET state = ?3, external_id = ?4, detail = ?5, explained = ?6
      WHERE listing = ?1 AND mark = ?2 AND state <> 'ready' AND state <> 'failed'
        AND (state <> ?3 OR coalesce(detail, '') <> coalesce(?5, ''))
      """, .integer(listing.id), .blob(mark), .text(finding.state.rawValue), .text(finding.externalID),
      .text(finding.detail), .flag(finding.isExplained))
  }

  /// Keeps a video that may be an item of the run until the whole listing was read.
  private static func putAside(
    _ video: ListedVideo, _ listing: OpenListing, mark: [UInt8], in connection: Connection
  ) throws {
    try connection.run(
      """
      INSERT INTO tracked_video (listing, mark, id, created_at, state, detail)
      SELECT ?1, ?2, ?3, ?4, ?5, ?6
      WHERE EXISTS (SELECT 1 FROM tracked_item INDEXED BY tracked_item_mark WHERE listing = ?1 AND mark = ?2)
      ON CONFLICT (listing, mark, id) DO UPDATE
        SET created_at = excluded.created_at, state = excluded.state, detail = excluded.detail
      """, .integer(listing.id), .blob(mark), .text(video.id), .integer(video.createdAt?.milliseconds),
      .text(video.state.rawValue), .text(video.detail))
  }

  private static func note(
    changedAt now: Timestamp, _ listing: OpenListing, in connection: Connection
  ) throws {
    try connection.run(
      """
      UPDATE tracked_run SET changed_at = ? WHERE run = (SELECT run FROM tracked_listing WHERE id = ?)
      """, .integer(now.milliseconds), .integer(listing.id))
  }

  package func judge(
    _ listing: OpenListing, after: TrackingCursor?, limit: Int, at now: Timestamp
  ) async throws -> (changed: Int, next: TrackingCursor?) {
    try await database.write(isDurable: false) { connection in
      let marks = try connection.rows(
        """
        SELECT DISTINCT mark FROM tracked_item INDEXED BY tracked_item_open_mark
        WHERE listing = ?1 AND mark > ?2 AND state <> 'ready' AND state <> 'failed' AND mark IS NOT NULL
        ORDER BY mark LIMIT ?3
        """, .integer(listing.id), .blob(after?.mark ?? []), .integer(limit)
      ) { [UInt8]($0.bytes(0)) }
      var changed = 0
      let others = marks.isEmpty ? [] : try Self.listingsBeside(listing, in: connection)
      for mark in marks { changed += try Self.judge(mark, listing, beside: others, in: connection) }
      if changed > 0 { try Self.note(changedAt: now, listing, in: connection) }
      return (changed, marks.count < limit ? nil : marks.last.map(TrackingCursor.init))
    }
  }

  /// The listings of the same index in which other runs look, as far as a video that may be an item of this run may be one
  /// of theirs: they were begun before this one ended, and were not over long before. Few are.
  private static func listingsBeside(_ listing: OpenListing, in connection: Connection) throws
    -> [Int64]
  {
    try connection.rows(
      """
      SELECT l.id FROM tracked_listing AS l JOIN run AS r ON r.id = l.run
      WHERE l.index_id = ?1 AND l.id <> ?2 AND r.last_outcome_at >= ?3
        AND r.first_intent_at < (SELECT o.last_outcome_at FROM tracked_listing AS m JOIN run AS o ON o.id = m.run
                                 WHERE m.id = ?2)
      ORDER BY l.id
      """, .text(listing.index.rawValue), .integer(listing.id),
      .integer((listing.since - VideoMatching.clockMargin * 2).milliseconds)
    ) { Int64($0.int(0)) }
  }

  /// Counts the items and the videos of a mark.
  private static func judge(
    _ mark: [UInt8], _ listing: OpenListing, beside others: [Int64], in connection: Connection
  ) throws -> Int {
    let videos = try connection.rows(
      "SELECT id, created_at, state, detail FROM tracked_video WHERE listing = ? AND mark = ?",
      .integer(listing.id), .blob(mark)
    ) {
      ListedVideo(
        id: $0.text(0), mark: nil,
        createdAt: $0.optionalInt(1).map { Timestamp(milliseconds: Int64($0)) },
        state: try trackedState($0.text(2)), detail: $0.optionalText(3))
    }
    let items = try connection.rows(
      """
      SELECT position, since, until, state, detail, external_id FROM tracked_item INDEXED BY tracked_item_mark
      WHERE listing = ? AND mark = ? ORDER BY position
      """, .integer(listing.id), .blob(mark)
    ) {
      (
        position: Int64($0.int(0)), since: Timestamp(milliseconds: Int64($0.int(1))),
        until: Timestamp(milliseconds: Int64($0.int(2))),
        finding: TrackedFinding(
          try trackedState($0.text(3)), externalID: $0.optionalText(5), detail: $0.optionalText(4))
      )
    }
    let taken = try others.flatMap { other in
      try connection.rows(
        """
        SELECT external_id, since, until FROM tracked_item INDEXED BY tracked_item_mark
        WHERE listing = ? AND mark = ? AND external_id IS NOT NULL ORDER BY position
        """, .integer(other), .blob(mark)
      ) {
        TakenVideo(
          id: $0.text(0), since: Timestamp(milliseconds: Int64($0.int(1))),
          until: Timestamp(milliseconds: Int64($0.int(2))))
      }
    }
    let findings = VideoMatching.findings(
      of: items.map { ($0.since, $0.until) }, among: videos, taken: taken)
    var changed = 0
    for (item, finding) in zip(items, findings) {
      // A reason that was asked for is not in the listing.
      let isSame =
        item.finding.state == finding.state
        && (finding.externalID == nil || item.finding.externalID == finding.externalID)
        && (finding.detail == nil || item.finding.detail == finding.detail)
      guard !isSame else { continue }
      changed += try connection.run(
        "UPDATE tracked_item SET state = ?, external_id = ?, detail = ?, explained = ? WHERE position = ?",
        .text(finding.state.rawValue), .text(finding.externalID), .text(finding.detail),
        .flag(finding.isExplained), .integer(item.position))
    }
    return changed
  }

  package func endWalk(of listing: OpenListing) async throws {
    try await database.write(isDurable: false) { connection in
      _ = try connection.run(
        "UPDATE tracked_listing SET next_page = NULL WHERE id = ?", .integer(listing.id))
    }
  }

  package func endLook(of run: RunID, at now: Timestamp) async throws {
    try await database.write { connection in
      _ = try connection.run(
        "UPDATE tracked_run SET looked_at = ? WHERE run = ?", .integer(now.milliseconds),
        .integer(try Self.row(of: run, in: connection)))
    }
  }

  package func unexplained(of run: RunID, limit: Int) async throws -> [UnexplainedItem] {
    try await database.read { connection in
      try connection.rows(
        """
        SELECT i.position, l.index_id, i.external_id
        FROM tracked_listing AS l JOIN tracked_item AS i INDEXED BY tracked_item_failed ON i.listing = l.id
        WHERE l.run = ? AND i.state = 'failed' AND i.explained = 0 AND i.external_id IS NOT NULL LIMIT ?
        """, .integer(try Self.row(of: run, in: connection)), .integer(limit)
      ) {
        UnexplainedItem(
          run: run, sequence: ItemPosition.sequence(at: Int64($0.int(0))), index: IndexID($0.text(1)),
          externalID: $0.text(2))
      }
    }
  }

  package func explain(_ item: UnexplainedItem, reason: String?) async throws {
    try await database.write { connection in
      let row = try Self.row(of: item.run, in: connection)
      _ = try connection.run(
        """
        UPDATE tracked_item SET explained = 1, detail = ? WHERE position = ? AND state = 'failed' AND external_id = ?
        """, .text(reason), .integer(ItemPosition.of(run: row, sequence: item.sequence)),
        .text(item.externalID))
    }
  }

  package func requestLook(at now: Timestamp) async throws {
    // A power cut may undo it: the next look comes without it, too.
    try await database.write(isDurable: false) { connection in
      _ = try connection.run(
        """
        INSERT INTO look_request (id, requested_at) VALUES (1, ?)
        ON CONFLICT (id) DO UPDATE SET requested_at = excluded.requested_at
          WHERE look_request.requested_at < excluded.requested_at
        """, .integer(now.milliseconds))
    }
  }

  package func lookRequestedAt() async throws -> Timestamp? {
    try engine.confirmSchema()
    return try await reader.read { connection in
      try connection.first("SELECT requested_at FROM look_request") {
        Timestamp(milliseconds: Int64($0.int(0)))
      }
    }
  }

  fileprivate static func trackedState(_ word: String) throws -> TrackedState {
    guard let state = TrackedState(rawValue: word) else {
      throw StoreError(.damaged, "a tracked item has the state \"\(word)\"")
    }
    return state
  }
}

// MARK: Reports

extension SQLStore {
  package func tracking(of run: RunID) async throws -> TrackingSummary? {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      let times = try connection.first(
        "SELECT looked_at, changed_at FROM tracked_run WHERE run = ?", .integer(row)
      ) { ($0.optionalInt(0), $0.optionalInt(1)) }
      guard let times else { return nil }
      var states = TrackedCounts()
      try connection.forEach("SELECT state, items FROM tracked_tally WHERE run = ?", .integer(row)) {
        states[try Self.trackedState($0.text(0))] = $0.int(1)
      }
      // Items that were accepted since somebody looked.
      let accepted = try connection.first(
        "SELECT items FROM tally WHERE run = ? AND state = 'accepted'", .integer(row)
      ) { $0.int(0) }
      states[.notSeen] += max(0, (accepted ?? 0) - states.total)
      return TrackingSummary(
        lookedAt: times.0.map { Timestamp(milliseconds: Int64($0)) },
        changedAt: times.1.map { Timestamp(milliseconds: Int64($0)) }, states: states,
        reasons: states[.failed] == 0 ? [] : try Self.reasons(of: row, in: connection))
    }
  }

  private static func reasons(of run: Int64, in connection: Connection) throws -> [TrackingSummary.Reason] {
    try connection.rows(
      """
      SELECT i.detail, count(*) FROM tracked_listing AS l
      JOIN tracked_item AS i INDEXED BY tracked_item_failed ON i.listing = l.id
      WHERE l.run = ? AND i.state = 'failed' GROUP BY i.detail ORDER BY count(*) DESC, i.detail LIMIT ?
      """, .integer(run), .integer(TrackingSummary.reasonLimit)
    ) { TrackingSummary.Reason($0.optionalText(0), items: $0.int(1)) }
  }

  package func trackedItems(of run: RunID, in items: Range<Int>) async throws -> [TrackedItem] {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      return try connection.rows(
        """
        SELECT position, state, external_id, detail FROM tracked_item
        WHERE position >= ? AND position < ? ORDER BY position
        """, .integer(ItemPosition.of(run: row, sequence: items.lowerBound)),
        .integer(ItemPosition.of(run: row, sequence: items.upperBound))
      ) {
        TrackedItem(
          sequence: ItemPosition.sequence(at: Int64($0.int(0))),
          finding: TrackedFinding(
            try Self.trackedState($0.text(1)), externalID: $0.optionalText(2), detail: $0.optionalText(3)))
      }
    }
  }
}

extension TrackedFinding {
  /// Whether nothing has to be asked any more about why it failed.
  fileprivate var isExplained: Bool { state == .failed && detail != nil }
}

/// Accepted items of a run that are not followed, some of them.
private struct FollowedPage: Sendable {
  var items: [SentItem] = []
  /// The first item of the last chunk that was looked at; `nil` at the end.
  var next: Int?

  /// Chunks that are looked at in one read, at most.
  private static let chunks = 1_000

  /// Which chunks are not followed from their first item on, as SQL.
  private static let areLeft = """
    c.run = ?1 AND c.state = 'accepted' AND c.first_item > ?2
      AND NOT EXISTS (SELECT 1 FROM tracked_item AS t WHERE t.position = (c.run << 40) + c.first_item)
    """

  private struct Leaf {
    let items: Range<Int>
    let externalID: String?
    let since: Timestamp
    let until: Timestamp
  }

  static func read(_ run: Int64, after: Int, limit: Int, in connection: Connection) throws -> FollowedPage {
    let isComplete = try connection.first(
      """
      SELECT coalesce((SELECT items FROM tally WHERE run = ?1 AND state = 'accepted'), 0)
             <= coalesce((SELECT sum(items) FROM tracked_tally WHERE run = ?1), 0)
      """, .integer(run)
    ) { $0.flag(0) }
    guard isComplete != true else { return FollowedPage() }
    // Most chunks of a run are of one size: no more are read than there is room for.
    let size = try connection.first(
      "SELECT item_count FROM chunk AS c INDEXED BY chunk_items WHERE \(areLeft) ORDER BY c.first_item LIMIT 1",
      .integer(run), .integer(after)
    ) { $0.int(0) }
    let chunks = max(1, min(Self.chunks, limit / max(1, size ?? 1)))
    // A piece that was never sent itself was accepted with what its parent's request left there.
    let leaves = try connection.rows(
      """
      SELECT c.first_item, c.item_count,
             (SELECT a.external_id FROM attempt AS a
              WHERE a.run = c.run AND a.chunk = c.number AND a.step = c.step AND a.external_id IS NOT NULL
              ORDER BY a.number DESC LIMIT 1),
             coalesce((SELECT min(a.started_at) FROM attempt AS a
                       WHERE a.run = c.run AND a.chunk = c.number AND a.step = c.step
                         AND (a.outcome = 'accepted' OR a.outcome = 'unknown' OR a.outcome = 'content')),
                      (SELECT first_intent_at FROM run WHERE id = c.run), 0),
             coalesce((SELECT max(a.finished_at) FROM attempt AS a
                       WHERE a.run = c.run AND a.chunk = c.number AND a.step = c.step),
                      (SELECT last_outcome_at FROM run WHERE id = c.run), 0)
      FROM chunk AS c INDEXED BY chunk_items
      WHERE \(areLeft)
      ORDER BY c.first_item LIMIT ?3
      """, .integer(run), .integer(after), .integer(chunks)
    ) {
      Leaf(
        items: Range(firstItem: $0.int(0), count: $0.int(1)), externalID: $0.optionalText(2),
        since: Timestamp(milliseconds: Int64($0.int(3))), until: Timestamp(milliseconds: Int64($0.int(4))))
    }
    var page = FollowedPage()
    for leaf in leaves {
      guard page.items.isEmpty || page.items.count + leaf.items.count <= limit else { return page }
      try ItemRows(run: run).forEach(leaf.items, in: connection) { sequence, source in
        let item = Item(source)
        page.items.append(
          SentItem(
            sequence: sequence, index: item.indexID, object: item.object, externalID: leaf.externalID,
            since: leaf.since, until: leaf.until))
      }
      page.next = leaf.items.lowerBound
    }
    if leaves.count < chunks { page.next = nil }
    return page
  }
}
