package import BatchDomain

extension SQLiteStore: KnownItems {
  /// Items of a manifest that earlier runs had accepted.
  ///
  /// What they accepted since it was last asked is read from their chunks and put into the table of known items first,
  /// or only compared, where the store is open for reading.
  package func acceptedBefore(
    _ items: any IdentifiedItems, sentTo address: String, in run: RunID?, isStopped: @Sendable () -> Bool
  ) async throws -> AcceptedBefore? {
    guard let (origin, earlier) = try await earlierRuns(of: address, but: run) else { return nil }
    let unread = earlier.filter { $0.accepted != $0.known }
    var match = KnownMatch()
    if canWrite {
      let isRead = try await forEachSlice(of: unread, isStopped: isStopped) {
        try await remember($0, ofWhole: $1)
      }
      guard isRead else { return nil }
    } else {
      let isRead = try await forEachSlice(of: unread, isStopped: isStopped) { slice, _ in
        let known = slice.entries.filter { $0.origin == origin }
        var first = 0
        while let planned = try await PlannedSlice.next(of: items, from: first) {
          first += planned.entries.count
          var position = 0
          for entry in known {
            for sequence in planned.matches(entry.identity, from: &position) {
              match.add(sequence, in: entry.run)
            }
          }
        }
      }
      guard isRead else { return nil }
    }
    let knownItems = earlier.reduce(0) { $0 + $1.accepted }
    var first = 0
    while let planned = try await PlannedSlice.next(of: items, from: first) {
      if isStopped() { return nil }
      first += planned.entries.count
      // To look up a few is less work than to walk along all, and to look up many is more.
      if knownItems > planned.entries.count * Self.lookUpWorth {
        try await lookUp(planned, origin: origin, &match)
      } else {
        try await walk(along: planned, origin: origin, &match)
      }
    }
    let found = match.runs
    guard let newest = earlier.filter({ found.contains($0.row) }).map(\.run).max() else { return nil }
    return AcceptedBefore(items: match.items, runs: found.count, newest: newest)
  }

  /// Rows of the table that can be walked along in the time of one look-up, or thereabouts.
  private static let lookUpWorth = 8
  /// Rows that are read or written at a time.
  private static let pageSize = 1 << 14

  private struct EarlierRun: Sendable {
    let row: Int64
    let run: RunID
    /// Accepted items, now and when they were last read.
    let accepted: Int
    let known: Int
  }

  /// The other runs that have accepted items, whatever service they went to last: items are credited to the service that
  /// accepted them. `nil` when there are none, or when nothing was ever sent to that service.
  private func earlierRuns(
    of address: String, but run: RunID?
  ) async throws -> (origin: Int64, runs: [EarlierRun])? {
    try await reader.read { connection in
      let origins = try Self.origins(of: Origin.of(address), in: connection)
      guard let origin = origins.first else { return nil }
      var runs: [EarlierRun] = []
      try connection.forEach(
        """
        SELECT run.id, run.run_id, tally.items, coalesce(known_run.items, 0)
        FROM run JOIN tally ON tally.run = run.id AND tally.state = 'accepted' AND tally.items > 0
        LEFT JOIN known_run ON known_run.run = run.id ORDER BY run.id
        """
      ) { row in
        guard let id = RunID(rawValue: row.text(1)), id != run else { return }
        runs.append(
          EarlierRun(row: Int64(row.int(0)), run: id, accepted: row.int(2), known: row.int(3)))
      }
      return runs.isEmpty ? nil : (origin, runs)
    }
  }

  /// Reads the accepted items of runs, slice by slice.
  ///
  /// - Parameter use: gets a slice in order, and the runs of which everything was read by then.
  /// - Returns: whether it was not stopped.
  private func forEachSlice(
    of runs: [EarlierRun], isStopped: () -> Bool, use: (KnownSlice, [EarlierRun]) async throws -> Void
  ) async throws -> Bool {
    var slice = KnownSlice()
    var whole: [EarlierRun] = []
    func hand() async throws {
      slice.sort()
      try await use(slice, whole)
      slice = KnownSlice()
      whole = []
    }
    for run in runs {
      var after = -1
      while let page = try await acceptedItems(of: run.row, after: after) {
        if isStopped() { return false }
        slice.append(page.entries)
        after = page.last
        if slice.isFull { try await hand() }
      }
      whole.append(run)
    }
    if !whole.isEmpty { try await hand() }
    return true
  }

  /// The items of the next accepted chunks of a run; `nil` when there are no more.
  private func acceptedItems(
    of run: Int64, after: Int
  ) async throws -> (entries: [KnownSlice.Entry], last: Int)? {
    try await reader.read { connection in
      let first = try Self.firstOrigins(in: connection)
      var ranges: [(items: Range<Int>, origin: Int64)] = []
      var last = after
      var items = 0
      try connection.forEach(
        """
        SELECT c.number, c.first_item, c.item_count,
               (SELECT a.origin FROM attempt AS a WHERE a.run = c.run
                  AND (a.chunk, a.number) = (SELECT w.number, w.attempts FROM chunk AS w
                                             WHERE w.run = c.run AND w.number = iif(c.attempts > 0, c.number, c.parent)))
        FROM chunk AS c WHERE c.run = ? AND c.number > ? AND c.state = 'accepted' ORDER BY c.number LIMIT ?
        """, .integer(run), .integer(after), .integer(Self.pageSize)
      ) { row in
        guard items < Self.pageSize else { return }
        let range = row.int(1)..<row.int(1) + row.int(2)
        last = row.int(0)
        // A piece that was never sent itself was accepted with what its parent's request left there. What is damaged is not
        // known; `verify` finds it.
        guard let origin = row.optionalInt(3).flatMap({ first[Int64($0)] }) else { return }
        items += range.count
        if let before = ranges.last, before.items.upperBound == range.lowerBound, before.origin == origin {
          ranges[ranges.count - 1].items = before.items.lowerBound..<range.upperBound
        } else {
          ranges.append((range, origin))
        }
      }
      guard last != after else { return nil }
      var entries: [KnownSlice.Entry] = []
      entries.reserveCapacity(items)
      for (range, origin) in ranges {
        try ItemRows(run: run).forEachBlock(with: range, in: connection) { block in
          // What is damaged is not known; `verify` finds it.
          guard block.isIntact != false else { return }
          block.forEach(in: range) {
            entries.append(
              KnownSlice.Entry(
                origin: origin, identity: ItemIdentity($1), run: run, sequence: $0))
          }
        }
      }
      return (entries, last)
    }
  }

  /// Puts items into the table, along its keys. Until a run is noted as read, it is read again.
  private func remember(_ slice: KnownSlice, ofWhole runs: [EarlierRun]) async throws {
    var left = slice.entries[...]
    while !left.isEmpty {
      let page = left.prefix(Self.pageSize)
      left = left.dropFirst(page.count)
      try await database.write(isDurable: false) { connection in
        let statement = try connection.prepare(
          """
          INSERT INTO known_item (origin, high, low, run, sequence) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (origin, high, low, run) DO NOTHING
          """)
        defer { statement.reset() }
        for entry in page {
          try statement.bind(entry.origin, at: 1)
          try statement.bind(entry.identity.high, at: 2)
          try statement.bind(entry.identity.low, at: 3)
          try statement.bind(entry.run, at: 4)
          try statement.bind(Int64(entry.sequence), at: 5)
          _ = try statement.step()
          statement.rewind()
        }
      }
    }
    guard !runs.isEmpty else { return }
    try await database.write(isDurable: false) { connection in
      for run in runs {
        try connection.run(
          """
          INSERT INTO known_run (run, items) VALUES (?, ?) ON CONFLICT (run) DO UPDATE SET items = excluded.items
          """, .integer(run.row), .integer(run.accepted))
      }
    }
  }

  /// Looks each planned item up.
  private func lookUp(_ planned: PlannedSlice, origin: Int64, _ match: inout KnownMatch) async throws {
    var left = planned.entries[...]
    while !left.isEmpty {
      let page = left.prefix(Self.pageSize)
      left = left.dropFirst(page.count)
      let found = try await reader.read { connection in
        try page.flatMap { entry in
          try connection.rows(
            "SELECT run FROM known_item WHERE origin = ? AND high = ? AND low = ?", .integer(origin),
            .integer(entry.identity.high), .integer(entry.identity.low)
          ) { (entry.sequence, Int64($0.int(0))) }
        }
      }
      for (sequence, run) in found { match.add(sequence, in: run) }
    }
  }

  /// Walks along the table and the planned items at once: both are in order.
  private func walk(along planned: PlannedSlice, origin: Int64, _ match: inout KnownMatch) async throws {
    guard let first = planned.entries.first?.identity, let end = planned.entries.last?.identity else {
      return
    }
    var next = KnownSlice.Entry(origin: origin, identity: first, run: .min, sequence: 0)
    var position = 0
    while true {
      let page = try await reader.read { [next, position] connection in
        var position = position
        var last: KnownSlice.Entry?
        var rows = 0
        var found: [(sequence: Int, run: Int64)] = []
        try connection.forEach(
          """
          SELECT high, low, run FROM known_item
          WHERE origin = ?1 AND (high, low, run) > (?2, ?3, ?4) AND high <= ?5 ORDER BY high, low, run LIMIT ?6
          """, .integer(origin), .integer(next.identity.high), .integer(next.identity.low),
          .integer(next.run),
          .integer(end.high), .integer(Self.pageSize)
        ) { row in
          let known = ItemIdentity(high: Int64(row.int(0)), low: Int64(row.int(1)))
          let run = Int64(row.int(2))
          for sequence in planned.matches(known, from: &position) { found.append((sequence, run)) }
          last = KnownSlice.Entry(origin: origin, identity: known, run: run, sequence: 0)
          rows += 1
        }
        return (found: found, last: last, position: position, isFull: rows == Self.pageSize)
      }
      for (sequence, run) in page.found { match.add(sequence, in: run) }
      guard page.isFull, let last = page.last else { return }
      (next, position) = (last, page.position)
    }
  }
}

/// Accepted items of earlier runs on their way into the table, or to a comparison: as many as memory has for them.
struct KnownSlice: Sendable {
  /// An item, and where it was accepted.
  struct Entry: Sendable, Comparable {
    /// `origin.id` of the service that accepted it.
    var origin: Int64
    let identity: ItemIdentity
    let run: Int64
    let sequence: Int

    static func < (one: Entry, other: Entry) -> Bool {
      if one.origin != other.origin { return one.origin < other.origin }
      return one.identity == other.identity
        ? (one.run, one.sequence) < (other.run, other.sequence) : one.identity < other.identity
    }
  }

  /// Entries at most, of 40 bytes each, up to a read more.
  static let size = 1 << 18

  /// In order, so that the table is filled and read along its keys.
  private(set) var entries: [Entry] = []

  var isFull: Bool { entries.count >= Self.size }

  mutating func append(_ more: [Entry]) { entries += more }

  mutating func sort() { entries.sort() }
}

/// Planned items in the order of their identities: as many as memory has for them.
struct PlannedSlice: Sendable {
  struct Entry: Sendable, Comparable {
    let identity: ItemIdentity
    let sequence: Int

    static func < (one: Entry, other: Entry) -> Bool {
      one.identity == other.identity ? one.sequence < other.sequence : one.identity < other.identity
    }
  }

  let entries: [Entry]

  /// Items in a read: others get their turn in between.
  private static let readSize = 1 << 13

  /// The next items, `KnownSlice.size` at most; `nil` when there are none.
  static func next(of items: any IdentifiedItems, from first: Int) async throws -> PlannedSlice? {
    var entries: [Entry] = []
    while entries.count < KnownSlice.size {
      let start = first + entries.count
      let page = try await items.identities(from: start, limit: readSize)
      entries += page.enumerated().map { Entry(identity: $1, sequence: start + $0) }
      if page.count < readSize { break }
    }
    guard !entries.isEmpty else { return nil }
    return PlannedSlice(entries: entries.sorted())
  }

  /// Walks along known items in order, of which each may be there several times.
  ///
  /// - Parameter position: where in the entries to begin; moved on.
  /// - Returns: the sequence numbers of the items that are the known one.
  func matches(_ known: ItemIdentity, from position: inout Int) -> [Int] {
    while position < entries.count, entries[position].identity < known { position += 1 }
    var found: [Int] = []
    var next = position
    while next < entries.count, entries[next].identity == known {
      found.append(entries[next].sequence)
      next += 1
    }
    return found
  }
}

/// What was found of planned items among known ones.
struct KnownMatch: Sendable {
  /// A bit for each planned item.
  private var bits: [UInt64] = []
  /// Planned items that were found.
  private(set) var items = 0
  /// `run.id` of the runs they were found in.
  private(set) var runs: Set<Int64> = []

  mutating func add(_ sequence: Int, in run: Int64) {
    runs.insert(run)
    let word = sequence / 64
    if word >= bits.count { bits += Array(repeating: 0, count: word + 1 - bits.count) }
    let bit: UInt64 = 1 << UInt64(sequence % 64)
    if bits[word] & bit == 0 {
      bits[word] |= bit
      items += 1
    }
  }
}
