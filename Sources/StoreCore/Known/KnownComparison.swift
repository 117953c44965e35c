import BatchDomain

/// A comparison of items with what the runs of a store did, or with those of one run: both sides are sorted, slice by slice,
/// and merged. What does not fit into memory goes to a temporary database.
actor SQLKnownComparison: KnownComparison {
  private let scope: KnownScope
  private let store: SQLStore
  /// Items that were added, up to now.
  private var count = 0
  private var slice: [KnownEntry] = []
  private var spilled: [KnownSource] = []
  private var temporary: Database?
  private var lastSegment: Int64 = 0

  private let sliceSize: Int

  /// - Parameter sliceSize: items that are sorted in memory.
  init(_ scope: KnownScope, store: SQLStore, sliceSize: Int = KnownPages.sliceSize) {
    self.scope = scope
    self.store = store
    self.sliceSize = sliceSize
  }

  func add(_ items: [ItemFingerprint]) async throws {
    for item in items {
      slice.append(KnownEntry(item, sequence: count))
      count += 1
    }
    guard slice.count >= sliceSize else { return }
    var full: [KnownEntry] = []
    swap(&full, &slice)
    full.sort(by: KnownEntry.precedes)
    spilled.append(try await spill(full))
  }

  func close() async throws {
    slice = []
    spilled = []
    try await temporary?.close()
    temporary = nil
  }

  /// Writes sorted entries to the temporary database.
  private func spill(_ entries: [KnownEntry]) async throws -> KnownSource {
    let database = try await opened()
    lastSegment += 1
    let segment = lastSegment
    try await SQLStore.write(entries, segment: segment, to: database)
    return .pages(database, segment: segment, items: entries.count)
  }

  private func opened() async throws -> Database {
    if let temporary { return temporary }
    let database = try await store.scratch()
    try await database.write { try $0.execute(KnownPages.temporaryTable) }
    temporary = database
    return database
  }

  func result(isStopped: @Sendable () -> Bool) async throws -> KnownResult? {
    slice.sort(by: KnownEntry.precedes)
    let mine = spilled + [.memory(slice)]
    switch scope.side {
    case .run(let run):
      return try await compared(mine, with: run, isStopped: isStopped)
    case .runs(let own):
      return try await compared(mine, withRunsBut: own, isAnyKind: true, isStopped: isStopped)
    case .accepted:
      return try await compared(mine, withRunsBut: nil, isAnyKind: false, isStopped: isStopped)
    }
  }

  // MARK: With all runs

  /// Compares with what runs did.
  ///
  /// - Parameter isAnyKind: whether also what was rejected or is open counts, not only what was accepted.
  private func compared(
    _ mine: [KnownSource], withRunsBut own: RunID?, isAnyKind: Bool, isStopped: @Sendable () -> Bool
  ) async throws -> KnownResult? {
    while true {
      do {
        return try await comparedOnce(mine, withRunsBut: own, isAnyKind: isAnyKind, isStopped: isStopped)
      } catch is KnownSource.Gone {
        // Another process made one segment of several: what is known is the same.
        guard !isStopped() else { return nil }
      }
    }
  }

  private func comparedOnce(
    _ mine: [KnownSource], withRunsBut own: RunID?, isAnyKind: Bool, isStopped: @Sendable () -> Bool
  ) async throws -> KnownResult? {
    let (revision, place, ownRow) = try await store.reader.read { [scope] connection in
      (
        try SQLStore.knownRevision(in: connection),
        try SQLStore.origins(of: Origin.of(scope.address), in: connection).first.map {
          KnownPlace(family: scope.family, origin: $0)
        },
        try own.flatMap { run in
          try connection.first("SELECT id FROM run WHERE run_id = ?", .text(run.rawValue)) {
            Int64($0.int(0))
          }
        }
      )
    }
    guard let place else {
      return KnownResult(
        classes: Array(repeating: .new, count: count), counts: [.new: count], revision: revision)
    }
    let reasons = try await store.reader.read { try KnownReasons($0, areRecorded: false) }
    // What is open is read first: what becomes accepted meanwhile is found there or afterwards, or both.
    guard
      let open = isAnyKind
        ? try await openItems(of: place, reasons: reasons, isStopped: isStopped) : []
    else { return nil }
    var unread: [KnownSource] = []
    if try await !store.indexKnownItems(isStopped: isStopped) {
      guard !isStopped() else { return nil }
      let left = try await store.unreadRuns().map { (row: $0.row, states: $0.statesToRead) }
      guard let read = try await sources(of: left, in: place, reasons: reasons, isStopped: isStopped) else {
        return nil
      }
      unread = read
    }
    let segments = try await store.segments(of: place).map {
      KnownSource.pages(store.reader, segment: $0.id, items: $0.items)
    }
    var tally = KnownTally(
      items: count, except: ownRow, kinds: isAnyKind ? [.accepted, .open, .rejected] : [.accepted])
    var merge = KnownMerge(mine + segments + unread + open)
    let isWhole = try await merge.forEach { group in
      tally.add(group, mine: mine.count)
      return true
    } pause: {
      !isStopped()
    }
    guard isWhole else { return nil }
    tally.finish()
    // Some may have been recorded meanwhile.
    let recorded = try await store.reader.read { try KnownReasons($0, areRecorded: false) }
    let names = try await runs(tally.runs)
    return tally.result(revision: revision, runs: names) { recorded.code(of: $0) ?? reasons.code(of: $0) }
  }

  /// Items that unfinished runs still have, and those whose answer was lost.
  private func openItems(
    of place: KnownPlace, reasons: KnownReasons, isStopped: @Sendable () -> Bool
  ) async throws -> [KnownSource]? {
    let states: Set<ChunkState> = [.pending, .submitting, .processing, .unknown]
    let runs = try await store.reader.read { connection in
      try connection.rows(
        """
        SELECT DISTINCT run.id FROM run JOIN tally ON tally.run = run.id AND tally.items > 0
          AND tally.state IN (\(ChunkRows.words(states)))
        WHERE run.state <> 'planning' AND \(RemovedRuns.areOthers) ORDER BY run.id
        """
      ) { Int64($0.int(0)) }
    }
    return try await sources(
      of: runs.map { (row: $0, states: states) }, in: place, reasons: reasons, isStopped: isStopped)
  }

  /// Items of runs whose chunks are in some states, sorted; `nil` when it was stopped.
  private func sources(
    of runs: [(row: Int64, states: Set<ChunkState>)], in place: KnownPlace, reasons: KnownReasons,
    isStopped: @Sendable () -> Bool
  ) async throws -> [KnownSource]? {
    var slice = KnownSlice()
    var sources: [KnownSource] = []
    for run in runs {
      var after = -1
      while let page = try await store.chunkItems(of: run.row, in: run.states, after: after, reasons: reasons)
      {
        if isStopped() { return nil }
        slice.append(page.entries.filter { $0.key == place })
        after = page.last
        if slice.isFull, let entries = slice.take()[place] { sources.append(try await spill(entries)) }
      }
    }
    if let entries = slice.take()[place] { sources.append(.memory(entries)) }
    return sources
  }

  /// The ids of runs, those included that were removed.
  private func runs(_ rows: Set<Int64>) async throws -> [Int64: KnownRun] {
    try await store.reader.read { connection in
      var found: [Int64: KnownRun] = [:]
      for row in rows {
        found[row] = try connection.first(
          """
          SELECT run_id, 0 FROM run WHERE id = ?1 AND \(RemovedRuns.areOthers)
          UNION ALL SELECT run_id, 1 FROM known_run WHERE run = ?1
          """, .integer(row)
        ) { row in
          RunID(rawValue: row.text(0)).map { KnownRun(id: $0, isRemoved: row.flag(1)) }
        }.flatMap { $0 }
      }
      return found
    }
  }

  // MARK: With one run

  private func compared(
    _ mine: [KnownSource], with run: RunID, isStopped: @Sendable () -> Bool
  ) async throws -> KnownResult? {
    let (row, total) = try await store.reader.read { connection in
      let row = try SQLStore.row(of: run, in: connection)
      return (
        row, try connection.first("SELECT items FROM run WHERE id = ?", .integer(row)) { $0.int(0) } ?? 0
      )
    }
    var theirs: [KnownSource] = []
    var next = 0
    let pageSize = 1 << 14
    var entries: [KnownEntry] = []
    while next < total {
      if isStopped() { return nil }
      let range = next..<min(next + pageSize, total)
      entries += try await store.reader.read { connection in
        var maker = FingerprintMaker()
        var page: [KnownEntry] = []
        try ItemRows(run: row).forEach(range, in: connection) {
          page.append(KnownEntry(maker.fingerprint(of: $1), sequence: $0))
        }
        return page
      }
      next = range.upperBound
      if entries.count >= KnownPages.sliceSize {
        entries.sort(by: KnownEntry.precedes)
        theirs.append(try await spill(entries))
        entries = []
      }
    }
    entries.sort(by: KnownEntry.precedes)
    theirs.append(.memory(entries))
    var classes = [KnownClass](repeating: .new, count: count)
    var counts: [KnownClass: Int] = [:]
    var removed = [Bool](repeating: false, count: total)
    var merge = KnownMerge(mine + theirs)
    let isWhole = try await merge.forEach { group in
      let ours = group.prefix { $0.source < mine.count }
      let others = group.dropFirst(ours.count)
      for (_, entry) in ours {
        let kind: KnownClass =
          others.isEmpty
          ? .new : others.contains { $0.entry.content == entry.content } ? .accepted : .changed
        classes[entry.sequence] = kind
        counts[kind, default: 0] += 1
      }
      if ours.isEmpty { for (_, entry) in others { removed[entry.sequence] = true } }
      return true
    } pause: {
      !isStopped()
    }
    guard isWhole else { return nil }
    // Of a run that was removed meanwhile, not all was read.
    _ = try await store.reader.read { try SQLStore.row(of: run, in: $0) }
    return KnownResult(classes: classes, counts: counts, removed: removed)
  }
}

/// A run that has known items.
private struct KnownRun: Sendable {
  let id: RunID
  let isRemoved: Bool
}

/// What is found of items among those of all runs.
private struct KnownTally {
  private struct Group: Hashable {
    let kind: KnownClass
    let run: Int64
    let reason: Int
  }

  private let except: Int64?
  /// What counts as known, the strongest first.
  private let kinds: [KnownClass]
  private var classes: [KnownClass]
  /// By ``KnownClass/rawValue``.
  private var counts = Array(repeating: 0, count: KnownClass.allCases.count)
  private var groups: [Group: Int] = [:]
  /// The group of the last item, and how many there were in a row: most items are of one run.
  private var latest: (group: Group, items: Int)?
  private var changes: [(sequence: Int, run: Int64)] = []
  private var acceptedItems = 0
  private var acceptingRuns: Set<Int64> = []
  private var lastAcceptingRun: Int64?

  init(items: Int, except: Int64?, kinds: [KnownClass]) {
    self.kinds = kinds
    classes = Array(repeating: .new, count: items)
    self.except = except
  }

  /// Runs that are in the result.
  var runs: Set<Int64> {
    Set(groups.keys.map(\.run)).union(changes.map(\.run)).union(acceptingRuns)
  }

  /// Adds entries that are the same item, of which the first are those that are looked for.
  mutating func add(_ group: [(source: Int, entry: KnownEntry)], mine: Int) {
    guard let first = group.first, first.source < mine else { return }
    guard let last = group.last, last.source >= mine else {
      counts[Int(KnownClass.new.rawValue)] += group.count
      return
    }
    let ours = group.prefix { $0.source < mine }
    let known = KnownGroups.effective(group[ours.count...]).filter {
      kinds.contains($0.known.kind) && $0.known.run != except
    }
    let accepting = known.lazy.filter { $0.known.kind == .accepted }
    if !accepting.isEmpty {
      acceptedItems += ours.count
      for entry in accepting where entry.known.run != lastAcceptingRun {
        acceptingRuns.insert(entry.known.run)
        lastAcceptingRun = entry.known.run
      }
    }
    for (_, entry) in ours { add(entry, known) }
  }

  private mutating func add(_ item: KnownEntry, _ known: [KnownEntry]) {
    guard let latest = known.map(\.known.run).max() else {
      counts[Int(KnownClass.new.rawValue)] += 1
      return
    }
    for kind in kinds {
      let same = known.filter { $0.content == item.content && $0.known.kind == kind }
      if let mark = same.map(\.known).max(by: { $0.run < $1.run }) {
        note(item, kind)
        count(Group(kind: kind, run: mark.run, reason: mark.reason))
        return
      }
    }
    note(item, .changed)
    guard changes.count < KnownResult.changesListed || item.sequence < changes[changes.count - 1].sequence
    else { return }
    changes.insert(
      (item.sequence, latest), at: changes.firstIndex { $0.sequence > item.sequence } ?? changes.count)
    if changes.count > KnownResult.changesListed { changes.removeLast() }
  }

  private mutating func note(_ item: KnownEntry, _ kind: KnownClass) {
    classes[item.sequence] = kind
    counts[Int(kind.rawValue)] += 1
  }

  private mutating func count(_ group: Group) {
    if latest?.group == group {
      latest?.items += 1
    } else {
      finish()
      latest = (group, 1)
    }
  }

  /// Takes the last items in; called before anything is asked.
  mutating func finish() {
    if let latest { groups[latest.group, default: 0] += latest.items }
    latest = nil
  }

  func result(revision: Int, runs: [Int64: KnownRun], reason: (Int) -> String?) -> KnownResult {
    var found = groups.compactMap { group, items in
      runs[group.run].map {
        KnownGroup(
          kind: group.kind, run: $0.id, isRemoved: $0.isRemoved,
          code: group.reason == 0 ? nil : reason(group.reason), items: items)
      }
    }
    found.sort {
      ($0.kind.rawValue, $1.run, $0.code ?? "") < ($1.kind.rawValue, $0.run, $1.code ?? "")
    }
    let newest = acceptingRuns.compactMap { runs[$0] }.max { $0.id < $1.id }
    return KnownResult(
      classes: classes, groups: found,
      changes: changes.compactMap { change in
        runs[change.run].map {
          ChangedItem(sequence: change.sequence, run: $0.id, isRemoved: $0.isRemoved)
        }
      },
      counts: Dictionary(
        uniqueKeysWithValues: KnownClass.allCases.compactMap { kind in
          let items = counts[Int(kind.rawValue)]
          return items > 0 ? (kind, items) : nil
        }),
      acceptedBefore: newest.map {
        AcceptedBefore(
          items: acceptedItems, runs: acceptingRuns.count, newest: $0.id, isNewestRemoved: $0.isRemoved)
      }, revision: revision)
  }
}

extension SQLStore {
  /// Counts what adds to the items that runs still have.
  static func knownRevision(in connection: Connection) throws -> Int {
    try connection.first("SELECT revision FROM known_revision WHERE id = 1") { $0.int(0) } ?? 0
  }

  /// Notes that runs have more items from now on.
  static func reviseKnown(in connection: Connection) throws {
    try connection.run("UPDATE known_revision SET revision = revision + 1 WHERE id = 1")
  }
}
