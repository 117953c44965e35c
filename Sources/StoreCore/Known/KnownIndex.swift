package import BatchDomain
import KillPoints
import NIOConcurrencyHelpers

/// The service and the generations of its API that items belong to, as the store has them.
struct KnownPlace: Sendable, Hashable {
  let family: ProfileFamily
  /// `origin.id`, of several rows of one service the first.
  let origin: Int64
}

/// Reasons of rejections by their numbers. Numbers that are not in the store yet are given out in order.
final class KnownReasons: Sendable {
  private struct State {
    var numbers: [String: Int]
    var next: Int
    var new: [(number: Int, code: String)] = []
  }

  private let state: NIOLockedValueBox<State>

  /// The first number of a reason that is not to be recorded: nobody else gives out such numbers.
  private static let firstTemporary = 1 << 23

  /// The reasons of a store.
  ///
  /// - Parameter areRecorded: whether numbers that are given out will be recorded, by the process that writes the index.
  init(_ connection: Connection, areRecorded: Bool) throws {
    let rows = try connection.rows("SELECT code, id FROM known_reason") { ($0.text(0), $0.int(1)) }
    let last = rows.map(\.1).max() ?? 0
    state = NIOLockedValueBox(
      State(
        numbers: Dictionary(rows) { first, _ in first }, next: areRecorded ? last + 1 : Self.firstTemporary))
  }

  /// The number of a reason.
  func number(of code: String) -> Int {
    state.withLockedValue { state in
      if let number = state.numbers[code] { return number }
      let number = state.next
      state.next += 1
      state.numbers[code] = number
      state.new.append((number, code))
      return number
    }
  }

  /// The reason of a number.
  func code(of number: Int) -> String? {
    state.withLockedValue { state in state.numbers.first { $0.value == number }?.key }
  }

  /// Records the numbers that were given out, by the process that writes the index.
  func write(in connection: Connection) throws {
    for reason in state.withLockedValue({ $0.new }) {
      try connection.run(
        "INSERT INTO known_reason (id, code) VALUES (?, ?) ON CONFLICT DO NOTHING",
        .integer(reason.number), .text(reason.code))
    }
  }
}

/// A run whose accepted and rejected items are not in the index, or not all of them.
struct UnreadRun: Sendable {
  let row: Int64
  let run: RunID
  let accepted: Int
  let rejected: Int
  let attempts: Int
  /// Whether some of it is in the index: what is neither accepted nor rejected any more is said there, too.
  let wasRead: Bool

  /// Chunks whose items are read.
  var statesToRead: Set<ChunkState> {
    wasRead ? [.accepted, .rejected, .failed, .cancelled] : [.accepted, .rejected]
  }
}

/// Items of runs by the place they belong to, as many as memory has for them.
struct KnownSlice: Sendable {
  private(set) var entries: [KnownPlace: [KnownEntry]] = [:]
  private(set) var count = 0

  var isFull: Bool { count >= KnownPages.sliceSize }

  mutating func append(_ more: [KnownPlace: [KnownEntry]]) {
    for (place, entries) in more {
      self.entries[place, default: []] += entries
      count += entries.count
    }
  }

  /// Takes what is there out, sorted.
  mutating func take() -> [KnownPlace: [KnownEntry]] {
    var taken: [KnownPlace: [KnownEntry]] = [:]
    swap(&taken, &entries)
    count = 0
    // Sorted where they are: a second copy of all of them would be as large again.
    for place in Array(taken.keys) { taken[place]?.sort(by: KnownEntry.precedes) }
    return taken
  }
}

extension SQLStore: KnownItems {
  package func comparison(_ scope: KnownScope) async throws -> any KnownComparison {
    SQLKnownComparison(scope, store: self)
  }

  package func knowsNothing(_ scope: KnownScope) async throws -> Bool {
    let own: RunID?
    switch scope.side {
    case .runs(let run): own = run
    case .accepted: own = nil
    case .run: return false
    }
    return try await reader.read { connection in
      guard try !Self.origins(of: Origin.of(scope.address), in: connection).isEmpty else { return true }
      return try connection.first(
        """
        SELECT EXISTS (SELECT 1 FROM known_segment WHERE is_complete = 1)
          OR EXISTS (SELECT 1 FROM run JOIN tally ON tally.run = run.id AND tally.items > 0
                     WHERE run.run_id <> ? AND run.state <> 'planning' AND \(RemovedRuns.areOthers))
        """, .text(own?.rawValue ?? "")
      ) { !$0.flag(0) } ?? true
    }
  }

  @discardableResult
  package func indexKnownItems(isStopped: @Sendable () -> Bool) async throws -> Bool {
    guard canWrite,
      isIndexing.withLockedValue({ isBusy in
        defer { isBusy = true }; return !isBusy
      })
    else {
      return false
    }
    defer { isIndexing.withLockedValue { $0 = false } }
    let unread = try await unreadRuns()
    // Nothing is to be done most of the time.
    guard !unread.isEmpty else { return true }
    guard try await engine.lockKnownItems(in: database) else { return false }
    let isWritten: Bool
    do {
      isWritten = try await writeIndex(of: unread, isStopped: isStopped)
    } catch {
      await engine.unlockKnownItems(in: database)
      throw error
    }
    await engine.unlockKnownItems(in: database)
    return isWritten
  }

  /// Writes what runs recorded since they were read; nobody else writes meanwhile.
  ///
  /// - Returns: whether it was not stopped.
  private func writeIndex(of unread: [UnreadRun], isStopped: @Sendable () -> Bool) async throws -> Bool {
    try await removeLeftovers()
    let reasons = try await reader.read { try KnownReasons($0, areRecorded: true) }
    let isRead = try await forEachSlice(of: unread, reasons: reasons, isStopped: isStopped) { slice, whole in
      var written: [Int64] = []
      for (place, entries) in slice { written.append(try await write(entries, to: place)) }
      KillPoint.inIndexing.reached()
      try await database.write(isDurable: false) { [written, engine] connection in
        try engine.confirmKnownItems(in: connection)
        try reasons.write(in: connection)
        for segment in written {
          try connection.run("UPDATE known_segment SET is_complete = 1 WHERE id = ?", .integer(segment))
        }
        for run in whole {
          try connection.run(
            """
            INSERT INTO known_run (run, run_id, accepted, rejected, attempts) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (run) DO UPDATE SET accepted = excluded.accepted, rejected = excluded.rejected,
              attempts = excluded.attempts
            """, .integer(run.row), .text(run.run.rawValue), .integer(run.accepted), .integer(run.rejected),
            .integer(run.attempts))
        }
      }
    }
    guard isRead else { return false }
    try await joinSegments(isStopped: isStopped)
    return true
  }

  /// Whether a run recorded something since it was read, where `a` and `r` are its tallies of accepted and rejected items.
  static let isUnread = """
    CASE WHEN known_run.run IS NULL THEN coalesce(a.items, 0) > 0 OR coalesce(r.items, 0) > 0
         ELSE known_run.accepted <> coalesce(a.items, 0) OR known_run.rejected <> coalesce(r.items, 0)
           OR known_run.attempts <> run.attempts END
    """

  /// Runs that recorded something since they were read, whatever service they went to last: items are credited to the
  /// service that accepted them.
  func unreadRuns() async throws -> [UnreadRun] {
    try await reader.read { connection in
      try connection.rows(
        """
        SELECT run.id, run.run_id, coalesce(a.items, 0), coalesce(r.items, 0), run.attempts, known_run.run IS NOT NULL
        FROM run
        LEFT JOIN tally AS a ON a.run = run.id AND a.state = 'accepted'
        LEFT JOIN tally AS r ON r.run = run.id AND r.state = 'rejected'
        LEFT JOIN known_run ON known_run.run = run.id
        WHERE \(Self.isUnread) AND \(RemovedRuns.areOthers)
        ORDER BY run.id
        """
      ) {
        guard let run = RunID(rawValue: $0.text(1)) else {
          throw StoreError(.damaged, "a run has the id \"\($0.text(1))\"")
        }
        return UnreadRun(
          row: Int64($0.int(0)), run: run, accepted: $0.int(2), rejected: $0.int(3), attempts: $0.int(4),
          wasRead: $0.flag(5))
      }
    }
  }

  /// Reads the accepted and rejected items of runs, slice by slice.
  ///
  /// - Parameter use: gets sorted items, and the runs of which everything was read by then.
  /// - Returns: whether it was not stopped.
  func forEachSlice(
    of runs: [UnreadRun], reasons: KnownReasons, isStopped: @Sendable () -> Bool,
    use: ([KnownPlace: [KnownEntry]], [UnreadRun]) async throws -> Void
  ) async throws -> Bool {
    var slice = KnownSlice()
    var whole: [UnreadRun] = []
    for run in runs {
      var after = -1
      while let page = try await chunkItems(
        of: run.row, in: run.statesToRead, after: after, reasons: reasons)
      {
        if isStopped() { return false }
        slice.append(page.entries)
        after = page.last
        if slice.isFull {
          try await use(slice.take(), whole)
          whole = []
        }
      }
      whole.append(run)
    }
    if !whole.isEmpty { try await use(slice.take(), whole) }
    return true
  }

  /// Items that are read at a time.
  private static let pageSize = 1 << 14

  /// The items of the next chunks of a run in some states; `nil` when there are no more.
  func chunkItems(
    of run: Int64, in states: Set<ChunkState>, after: Int, reasons: KnownReasons
  ) async throws -> (entries: [KnownPlace: [KnownEntry]], last: Int)? {
    try await reader.read { connection in
      let first = try Self.firstOrigins(in: connection)
      let own = try connection.first(
        "SELECT origin, \(connection.dialect.jsonMember("settings", "profile")) FROM run WHERE id = ?",
        .integer(run)
      ) {
        (
          origin: Int64($0.int(0)),
          family: (ServiceProfile(rawValue: $0.text(1)) ?? .v1).family
        )
      }
      guard let own else { return nil }
      var ranges: [(items: Range<Int>, place: KnownPlace, mark: KnownMark)] = []
      var last = after
      var items = 0
      // A piece that was never sent itself was answered with its parent's request.
      try connection.forEach(
        """
        SELECT c.number, c.first_item, c.item_count, c.state, coalesce(c.last_code, 'http_' || c.last_status, ''),
               a.origin, a.step
        FROM chunk AS c
        LEFT JOIN chunk AS w ON w.run = c.run AND w.number = CASE WHEN c.attempts > 0 THEN c.number ELSE c.parent END
        LEFT JOIN attempt AS a ON a.run = w.run AND a.chunk = w.number AND a.number = w.attempts
        WHERE c.run = ? AND c.number > ? AND c.state IN (\(ChunkRows.words(states))) ORDER BY c.number LIMIT ?
        """, .integer(run), .integer(after), .integer(Self.pageSize)
      ) { row in
        guard items < Self.pageSize else { return }
        let range = Range(firstItem: row.int(1), count: row.int(2))
        last = row.int(0)
        let kind: KnownClass
        switch try Self.state(row.text(3)) {
        case .accepted: kind = .accepted
        case .rejected: kind = .rejected
        case .pending, .submitting, .processing, .unknown: kind = .open
        case .failed, .cancelled, .split: kind = .new
        }
        let place: KnownPlace
        if kind == .open {
          // It will be sent where the run sends now.
          place = KnownPlace(family: own.family, origin: first[own.origin] ?? own.origin)
        } else if let origin = row.optionalInt(5).flatMap({ first[Int64($0)] }) {
          place = KnownPlace(family: ProfileFamily(of: ChunkStep(rawValue: row.text(6))), origin: origin)
        } else {
          // What is damaged is not known; `verify` finds it.
          return
        }
        let reason = kind == .rejected ? reasons.number(of: row.text(4)) : 0
        let mark = KnownMark(kind, reason: reason, run: run)
        items += range.count
        if let before = ranges.last, before.items.upperBound == range.lowerBound, before.place == place,
          before.mark == mark
        {
          ranges[ranges.count - 1].items = before.items.lowerBound..<range.upperBound
        } else {
          ranges.append((range, place, mark))
        }
      }
      guard last != after else { return nil }
      var entries: [KnownPlace: [KnownEntry]] = [:]
      var maker = FingerprintMaker()
      for (range, place, mark) in ranges {
        var found: [KnownEntry] = []
        found.reserveCapacity(range.count)
        try ItemRows(run: run).forEachBlock(with: range, in: connection) { block in
          guard block.isIntact != false else { return }
          block.forEach(in: range) { found.append(KnownEntry(maker.fingerprint(of: $1), mark)) }
        }
        entries[place, default: []] += found
      }
      return (entries, last)
    }
  }

  package func checkKnownItems() async throws {
    let segments = try await reader.read { connection in
      try connection.rows("SELECT id, items FROM known_segment WHERE is_complete = 1 ORDER BY id") {
        Segment(id: Int64($0.int(0)), items: $0.int(1))
      }
    }
    for segment in segments {
      if try await isWhole(segment) { continue }
      let isThere = try await reader.read { connection in
        try connection.first(
          "SELECT 1 FROM known_segment WHERE id = ? AND is_complete = 1", .integer(segment.id)
        ) { _ in true }
      }
      guard isThere != true else {
        throw StoreError(
          .damaged, "a part of the index of known items is missing",
          remedy: "restore the database from a backup, or leave --new-only out")
      }
      // Another process made one segment of several.
      return try await checkKnownItems()
    }
  }

  /// Whether every page of a segment is there, with its checksum right.
  private func isWhole(_ segment: Segment) async throws -> Bool {
    var items = 0
    var number = 0
    while items < segment.items {
      let page = try await reader.read { [number] connection in
        try KnownPages.read(segment: segment.id, number, in: connection)?.count
      }
      guard let page, page > 0 else { return false }
      items += page
      number += 1
    }
    return items == segment.items
  }

  // MARK: Segments

  /// Writes sorted items as a segment that is not complete yet.
  private func write(_ entries: [KnownEntry], to place: KnownPlace) async throws -> Int64 {
    let segment = try await beginSegment(of: entries.count, in: place)
    try await Self.write(entries, segment: segment, to: database)
    return segment
  }

  private func beginSegment(of items: Int, in place: KnownPlace) async throws -> Int64 {
    try await database.write(isDurable: false) { connection in
      try connection.first(
        "INSERT INTO known_segment (family, origin, items, is_complete) VALUES (?, ?, ?, 0) RETURNING id",
        .text(place.family.rawValue), .integer(place.origin), .integer(items)
      ) { Int64($0.int(0)) } ?? 0
    }
  }

  /// Writes sorted items as the pages of a segment, in transactions of bounded size.
  static func write(
    _ entries: [KnownEntry], segment: Int64, from first: Int = 0, to database: Database
  ) async throws {
    let size = KnownPages.entriesPerPage * KnownPages.pagesPerWrite
    for start in stride(from: 0, to: entries.count, by: size) {
      try await database.write(isDurable: false) { connection in
        try KnownPages.write(
          entries[start..<min(start + size, entries.count)], segment: segment,
          from: first + start / KnownPages.entriesPerPage, in: connection)
      }
    }
  }

  /// Removes what a process left behind that died while it wrote.
  private func removeLeftovers() async throws {
    let left = try await reader.read { connection in
      try connection.rows("SELECT id FROM known_segment WHERE is_complete = 0") { Int64($0.int(0)) }
    }
    for segment in left { try await remove(segment) }
  }

  private func remove(_ segment: Int64) async throws {
    while try await !database.write(isDurable: false, { try KnownPages.remove(segment, in: $0) }) {}
    try await database.write(isDurable: false) {
      try $0.run("DELETE FROM known_segment WHERE id = ?", .integer(segment))
    }
  }

  struct Segment: Sendable {
    let id: Int64
    let items: Int
  }

  /// The complete segments of a place, from the oldest to the newest.
  func segments(of place: KnownPlace) async throws -> [Segment] {
    try await reader.read { connection in
      try connection.rows(
        "SELECT id, items FROM known_segment WHERE family = ? AND origin = ? AND is_complete = 1 ORDER BY id",
        .text(place.family.rawValue), .integer(place.origin)
      ) { Segment(id: Int64($0.int(0)), items: $0.int(1)) }
    }
  }

  /// Makes one segment of several where they have become many: of all that are not twice as large as those after them
  /// together. So there are few of them, and each item is written again only as often as what it is in doubles.
  private func joinSegments(isStopped: @Sendable () -> Bool) async throws {
    let places = try await reader.read { connection in
      try connection.rows("SELECT DISTINCT family, origin FROM known_segment WHERE is_complete = 1") {
        KnownPlace(family: ProfileFamily(rawValue: $0.text(0)) ?? .transfers, origin: Int64($0.int(1)))
      }
    }
    for place in places {
      let segments = try await segments(of: place)
      var joined: ArraySlice<Segment> = segments.suffix(1)
      while joined.startIndex > 0,
        segments[joined.startIndex - 1].items < 2 * joined.reduce(0, { $0 + $1.items })
      {
        joined = segments[(joined.startIndex - 1)...]
      }
      if joined.count > 1 {
        try await join(Array(joined), of: place, areAll: joined.count == segments.count, isStopped: isStopped)
      }
    }
  }

  private func join(
    _ segments: [Segment], of place: KnownPlace, areAll: Bool, isStopped: @Sendable () -> Bool
  ) async throws {
    let segment = try await beginSegment(of: 0, in: place)
    var merge = KnownMerge(segments.map { .pages(reader, segment: $0.id, items: $0.items) })
    let size = KnownPages.entriesPerPage * KnownPages.pagesPerWrite
    var buffer: [KnownEntry] = []
    var items = 0
    let isWhole = try await merge.forEach { group in
      for entry in KnownGroups.effective(group[...]) where !(areAll && entry.known.kind == .new) {
        buffer.append(entry)
      }
      return buffer.count < size
    } pause: {
      // Only whole pages are written before the end.
      let whole = buffer.count / KnownPages.entriesPerPage * KnownPages.entriesPerPage
      if whole > 0 {
        try await Self.write(
          Array(buffer.prefix(whole)), segment: segment, from: items / KnownPages.entriesPerPage, to: database
        )
        buffer.removeFirst(whole)
        items += whole
      }
      return !isStopped()
    }
    guard isWhole else { return try await remove(segment) }
    try await Self.write(buffer, segment: segment, from: items / KnownPages.entriesPerPage, to: database)
    items += buffer.count
    KillPoint.inIndexing.reached()
    try await database.write(isDurable: false) { [items] connection in
      try connection.run(
        "UPDATE known_segment SET is_complete = 1, items = ? WHERE id = ?", .integer(items), .integer(segment)
      )
      for old in segments {
        try connection.run("UPDATE known_segment SET is_complete = 0 WHERE id = ?", .integer(old.id))
      }
    }
    for old in segments { try await remove(old.id) }
  }
}
