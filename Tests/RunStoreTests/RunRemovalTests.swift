import BatchDomain
import Foundation
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("The removal of old runs, in SQLite", .timeLimit(.minutes(10)))
struct RunRemovalTests {
  private let scene = RemovalScene()

  /// Tables with rows of a run, and the number of the run in them as SQL, by looking at the schema.
  private static func tables(in path: String) throws -> [(name: String, run: String)] {
    let columns = try Raw.query(
      """
      SELECT t.name || ' ' || c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
      WHERE t.type = 'table' AND c.name IN ('run', 'position', 'listing') ORDER BY t.name
      """, in: path
    ).map { $0.split(separator: " ").map(String.init) }
    var tables: [String: String] = ["run": "id"]
    for column in columns {
      switch (column[0], column[1]) {
      // What stays of a run that was removed, and pages of items of all runs.
      case ("known_run", _), ("removed_run", _), ("known_page", _): break
      case (let table, "run"): tables[table] = "run"
      case (let table, "position"): tables[table] = "position >> 40"
      case (let table, _): tables[table] = "(SELECT run FROM tracked_listing WHERE id = listing)"
      }
    }
    // `tracked_item` has a listing, too, which is gone before its items would be looked for.
    tables["tracked_item"] = "position >> 40"
    return tables.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Every row of some runs, as text.
  private static func rows(of runs: [Int], in path: String) throws -> [String] {
    try tables(in: path).flatMap { table, run in
      let columns = try Raw.query(
        "SELECT 'quote(' || name || ')' FROM pragma_table_info('\(table)')", in: path
      ).joined(separator: " || ' ' || ")
      return try Raw.query(
        "SELECT '\(table) ' || \(columns) AS text FROM \(table) WHERE \(run) IN (\(runs.map(String.init).joined(separator: ", "))) ORDER BY text",
        in: path)
    }
  }

  /// Two old runs with something in every table, and what has to stay.
  private struct Stage {
    let place: TestStore
    let old: [RunID]

    static func rowsThatStay(in path: String) throws -> [String] {
      try RunRemovalTests.rows(of: [3, 4], in: path)
    }
  }

  private func stage() async throws -> Stage {
    let place = try await TestStore()
    let store = place.store
    var old: [RunID] = []
    for (number, first) in [0, 10].enumerated() {
      // The second one is more than a page of chunks.
      let sources = scene.sources(first..<(first + 8)) + (number == 1 ? scene.sources(1_000..<2_200) : [])
      let session = try await scene.sent(sources, in: store, random: UInt64(number + 1)) {
        $0 == 1 ? .refuse : $0 == 2 ? .lose : .accept
      }
      let lost = try #require(try await session.unknownChunks(after: nil, limit: 1).first)
      var settlement = Settlement(
        chunk: lost.number, attempt: lost.attempt, verdict: .received, authority: .person,
        evidence: Evidence("somebody looked"), decidedAt: RemovalScene.start, event: .settledReceived,
        countsAttempt: false)
      settlement.surplus = ["left-over"]
      _ = try await session.settle(settlement)
      try await session.remember(
        ListingLag(acceptedAt: RemovalScene.start, lag: .seconds(5)), of: "i1")
      try await session.release(as: .finished, at: RemovalScene.start)
      old.append(session.run)
    }
    _ = try await scene.over(scene.sources(20..<25), in: store, random: 3, at: scene.now)
    let open = try await scene.sent(
      scene.sources(30..<35), in: store, random: 4, at: scene.now, stoppingAfter: 2)
    try await open.release(as: .paused(.signal, detail: nil), at: scene.now)
    for run in try await store.summaries(before: nil, limit: 9).map(\.run) {
      var after: Int?
      repeat {
        after = try await store.follow(of: run, after: after, limit: 1_000) { $0.object.fileName.rawValue }
          .next
      } while after != nil
      for listing in try await store.openListings(of: run) {
        _ = try await store.record(
          ListedPage(
            number: 1,
            videos: [0, 20, 30].map {
              ListedVideo(
                id: "v\($0)", mark: "\($0.padded(6)).mp4", createdAt: RemovalScene.start, state: .indexing)
            }, isLast: true, readAt: RemovalScene.start), of: listing, isByID: false)
      }
    }
    // What planning records of items that were left out, of an old run and of a young one.
    try Raw.execute(
      """
      INSERT INTO run_skipped (run, kind, earlier, code, items) VALUES (2, 'accepted', '\(old[0])', '', 3),
        (3, 'rejected', '\(old[0])', 'video_too_short', 1);
      INSERT INTO rate_share (origin, step, run, owner, taken, due, items)
        SELECT origin, 'transfer', id, owner, 1, 1, 1 FROM run WHERE id IN (1, 3);
      """, in: place.path)
    return Stage(place: place, old: old)
  }

  @Test("no table has a row of a run that was removed, and every other row is as it was")
  func everyTable() async throws {
    let stage = try await stage()
    let (store, path) = (stage.place.store, stage.place.path)
    let tables = try Self.tables(in: path).map(\.name)
    for table in tables {
      #expect(
        try !Self.rows(of: [1, 2], in: path).filter { $0.hasPrefix("\(table) ") }.isEmpty,
        "\(table) has no row of an old run: this test says nothing of it")
    }
    let others = try Stage.rowsThatStay(in: path)
    #expect(others.count > 30)
    // The budget's counters are common to all.
    let found = try await scene.prune(store)
    for run in stage.old { #expect(found[run]?.kept == nil) }
    #expect(try Self.rows(of: [1, 2], in: path) == [])
    #expect(try Stage.rowsThatStay(in: path) == others)
    #expect(try StoreAudit.problems(in: path) == [])
    #expect(try Raw.query("SELECT run FROM removed_run ORDER BY run", in: path) == ["1", "2"])
    let young = try await store.summaries(before: nil, limit: 9).map(\.run)
    for run in young {
      let problems = try await store.audit(run, listing: 9).problems.map(\.message)
      #expect(problems == [], "\(run)")
    }
    #expect(
      try await store.skips(of: young[1])
        == [
          KnownGroup(kind: .rejected, run: stage.old[0], isRemoved: true, code: "video_too_short", items: 1)
        ])
    // The numbers of rows are not used again: locks and known items are told by them.
    let next = try await scene.over(scene.sources(50..<51), in: store, random: 9, at: scene.now)
    #expect(try Raw.query("SELECT id FROM run WHERE run_id = '\(next)'", in: path) == ["5"])
    // The room is used again.
    #expect(try Int(Raw.query("PRAGMA freelist_count", in: path)[0]) ?? 0 > 10)
  }

  /// A store with an old run and a young one, whose index is up to date, without its log.
  private func made(_ folder: TemporaryFolder) async throws -> (path: String, old: RunID, young: RunID) {
    let path = folder.file("store.db")
    let store = try await SQLiteStore.open(path: path, now: TestStore.start)
    let old = try await scene.over(
      scene.sources(0..<6), in: store, random: 1, chunkSize: 2)
    let young = try await scene.over(scene.sources(6..<9), in: store, random: 2, at: scene.now)
    #expect(try await store.indexKnownItems(isStopped: { false }))
    try await store.close()
    return (path, old, young)
  }

  /// A removal as one process, that ends with the first error.
  private func removeOnce(_ path: String) async throws {
    let store = try await SQLiteStore.open(path: path, now: scene.now)
    func end() async throws {
      try await store.close()
      for row in 1...2 { store.engine.releaseRun(Int64(row)) }
    }
    do {
      guard try await store.indexKnownItems(isStopped: { false }) else {
        throw StoreError(.locked, "somebody writes the index", remedy: "again")
      }
      for run in try await store.oldRuns(before: scene.before) {
        _ = try await store.remove(run, at: scene.now)
      }
    } catch {
      try await end()
      throw error
    }
    try await end()
  }

  /// Whether an old run is there as a whole or gone, and everything else as it was.
  ///
  /// - Returns: whether it is gone.
  private func check(_ path: String, _ old: RunID, _ young: RunID, _ others: [String], _ what: Comment)
    async throws -> Bool
  {
    #expect(try StoreAudit.problems(in: path) == [], what)
    #expect(try Self.rows(of: [2], in: path) == others, what)
    let store = try await SQLiteStore.openForReading(path: path)
    let isGone = try await !store.summaries(before: nil, limit: 9).contains { $0.run == old }
    if !isGone { #expect(try await store.audit(old, listing: 9).problems == [], what) }
    #expect(try await store.audit(young, listing: 9).problems == [], what)
    let known = try await scene.known(scene.sources(0..<10), in: store)
    #expect(known.counts == [.accepted: 9, .new: 1], what)
    try await store.close()
    return isGone
  }

  @Test(
    "whatever call fails while a run is removed, it is there as a whole or gone, and the next removal ends it",
    arguments: FaultyFolder.Fault.allCases.flatMap { fault in [false, true].map { (fault, $0) } })
  func everyCall(fault: FaultyFolder.Fault, isLasting: Bool) async throws {
    let origin = try TemporaryFolder()
    let (made, old, young) = try await made(origin)
    let others = try Self.rows(of: [2], in: made)
    var ends: Set<Bool> = []
    var call = 1
    var wasTouched = true
    while wasTouched {
      let folder = try TemporaryFolder()
      for file in ["store.db", "store.db-wal"] {
        try FileManager.default.copyItem(atPath: origin.file(file), toPath: folder.file(file))
      }
      let path = folder.file("store.db")
      let storage = try FaultyFolder(folder)
      storage.arm(fault, at: call, lasting: isLasting)
      do {
        try await removeOnce(path)
      } catch {
        let found = try #require(error as? StoreError, "call \(call): \(error)")
        #expect(found.remedy != nil, "call \(call): \(found)")
      }
      wasTouched = storage.disarm() > 0
      ends.insert(try await check(path, old, young, others, "\(fault) at call \(call)"))
      try await removeOnce(path)
      #expect(try await check(path, old, young, others, "\(fault) at call \(call), then again"))
      #expect(try Self.rows(of: [1], in: path) == [], "\(fault) at call \(call)")
      // Most calls fail in the same way; those that write decide what is there.
      call += isLasting ? 5 : fault == .diskFull ? 1 : 3
    }
    // The last one was not touched. What is written fails before the run is gone, and after it.
    #expect(ends.contains(true))
    if fault == .diskFull || fault == .writeError { #expect(ends == [true, false]) }
  }

  @Test("whatever is lost of the log by a power cut, the run is there as a whole or gone")
  func everyCut() async throws {
    let origin = try TemporaryFolder()
    let (path, old, young) = try await made(origin)
    let others = try Self.rows(of: [2], in: path)
    let store = try await SQLiteStore.open(path: path, now: scene.now)
    try await store.database.checkpoint(truncating: true)
    // Whoever holds this byte holds checkpoints back, so that all of the removal is in the log.
    let locks = try LockFile(besideDatabase: path)
    _ = try locks.lock(LockFile.checkpointByte, exclusive: false)
    try await scene.prune(store)
    try await store.close()
    let log = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
    // Bytes of the log's header and of a frame (https://sqlite.org/fileformat2.html#the_write_ahead_log).
    let pageSize = try #require(Int(Raw.query("PRAGMA page_size", in: path)[0]))
    var ends: Set<Bool> = []
    for cut in stride(from: 32, through: log.count, by: 24 + pageSize) {
      let folder = try TemporaryFolder()
      let copy = folder.file("store.db")
      try FileManager.default.copyItem(atPath: path, toPath: copy)
      try log.prefix(cut).write(to: URL(fileURLWithPath: copy + "-wal"))
      ends.insert(try await check(copy, old, young, others, "cut at \(cut)"))
      try await removeOnce(copy)
      #expect(try await check(copy, old, young, others, "cut at \(cut), then again"))
      #expect(try Self.rows(of: [1], in: copy) == [], "cut at \(cut)")
    }
    #expect(ends == [true, false])
  }

  @Test("a process that sends another run goes on at once: it finds the same rates, and its claims count")
  func liveProcess() async throws {
    let place = try await TestStore()
    var settings = RunSettings()
    settings.rates = [Rate(count: 20, window: .day)]
    settings.itemRates = [Rate(count: 30, window: .day)]
    // Fewer than a day's budget since long ago, so that the window reaches back to them.
    let old = try await scene.over(scene.sources(0..<19), in: place.store, random: 1)
    let live = try await place.another()
    let session = try await PlannedItems.plan(
      scene.sources(100..<140), chunkSize: 1, settings: settings, in: live, at: scene.now, random: 2)
    func claim() async throws -> Bool {
      if case .chunk = try await session.claim(at: scene.now) { return true }
      return false
    }
    for _ in 0..<3 { #expect(try await claim()) }
    #expect(try await scene.prune(place.store)[old]?.kept == nil)
    #expect(try Self.rows(of: [1], in: place.path) == [])
    // Twenty in all, of which three were there.
    for number in 3..<20 { #expect(try await claim(), "request \(number)") }
    #expect(try await !claim())
    #expect(try StoreAudit.problems(in: place.path) == [])
  }

  @Test(
    "an index that is damaged is found before anything is removed",
    arguments: [
      "UPDATE known_page SET entries = zeroblob(32)", "DELETE FROM known_page",
      "UPDATE known_segment SET items = items + 1",
    ])
  func damagedIndex(damage: String) async throws {
    let place = try await TestStore()
    _ = try await scene.over(scene.sources(0..<3), in: place.store, random: 1)
    #expect(try await place.store.indexKnownItems(isStopped: { false }))
    try await place.store.checkKnownItems()
    try Raw.execute(damage, in: place.path)
    await #expect { try await place.store.checkKnownItems() } throws: {
      ($0 as? StoreError)?.code == .damaged && ($0 as? StoreError)?.remedy != nil
    }
  }

  @Test("a run with a damaged item is left alone, and so are others only if they are damaged, too")
  func damaged() async throws {
    let place = try await TestStore()
    let old = try await scene.over(scene.sources(0..<3), in: place.store, random: 1)
    let other = try await scene.over(scene.sources(3..<6), in: place.store, random: 2)
    try await place.store.close()
    try Raw.execute(
      "UPDATE item_block SET sources = replace(sources, '000001', '000009') WHERE position >> 40 = 1",
      in: place.path)
    let store = try await place.another()
    #expect(try await scene.prune(store).mapValues(\.kept) == [old: .inconsistent, other: .none])
    #expect(try await store.exists(old))
  }
}
