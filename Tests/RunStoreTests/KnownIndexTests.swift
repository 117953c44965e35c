import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("The index of known items")
struct KnownIndexTests {
  private let scene = KnownScene()

  @Test("a store that is open for reading finds the same, in the index or not, and changes nothing")
  func reading() async throws {
    let store = try await TestStore()
    let sources = (0..<5).map { scene.source($0) }
    let session = try await scene.run(Array(sources[..<4]), in: store.store, random: 1) {
      [.accept, .refuse("video_too_short"), .lose, .accept][$0]
    }
    let reader = try await SQLiteStore.openForReading(path: store.path)
    for isIndexed in [false, true] {
      if isIndexed { #expect(try await store.store.indexKnownItems(isStopped: { false })) }
      let result = try await scene.known(sources, in: reader)
      #expect(result.classes == [.accepted, .rejected, .open, .accepted, .new])
      #expect(
        result.groups.last == KnownGroup(kind: .rejected, run: session.run, code: "video_too_short", items: 1)
      )
      #expect(
        try Raw.query("SELECT count(*) FROM known_page", in: store.path) == [isIndexed ? "1" : "0"])
      #expect(try await !reader.indexKnownItems(isStopped: { false }))
    }
  }

  @Test("what is known stays known when the runs are removed")
  func removed() async throws {
    let store = try await TestStore()
    let session = try await scene.run([scene.source(0), scene.source(1)], in: store.store, random: 1) {
      $0 == 0 ? .accept : .refuse("no")
    }
    try await session.release(as: .finished, at: TestStore.start)
    #expect(try await store.store.indexKnownItems(isStopped: { false }))
    try await store.store.close()
    try Raw.execute(
      """
      DELETE FROM attempt; DELETE FROM chunk; DELETE FROM tally; DELETE FROM item_block; DELETE FROM run;
      """, in: store.path)
    let result = try await scene.known(
      [scene.source(0), scene.source(1), scene.source(2)], in: try await store.another())
    #expect(result.classes == [.accepted, .rejected, .new])
    #expect(Set(result.groups.map(\.run)) == [session.run])
  }

  @Test("segments stay few, and nothing is lost when they become one")
  func segments() async throws {
    let store = try await TestStore()
    var all: [String] = []
    for night in 0..<20 {
      let sources = (0..<3).map { scene.source(night * 3 + $0) }
      _ = try await scene.run(sources, in: store.store, random: UInt64(night)) { _ in .accept }
      #expect(try await store.store.indexKnownItems(isStopped: { false }))
      all += sources
    }
    let count = try #require(
      Int(try Raw.query("SELECT count(*) FROM known_segment WHERE is_complete = 1", in: store.path)[0]))
    #expect(count <= 6)
    let result = try await scene.known(all, in: store.store)
    #expect(result.counts == [.accepted: 60])
    #expect(result.groups.count == 20)
    // Nothing of the segments that became one is left.
    #expect(
      try Raw.query(
        "SELECT count(*) FROM known_page WHERE position >> 24 NOT IN (SELECT id FROM known_segment)",
        in: store.path)
        == ["0"])
  }

  @Test("what a process left that died while it wrote counts for nothing, and is removed")
  func leftovers() async throws {
    let store = try await TestStore()
    _ = try await scene.run([scene.source(0)], in: store.store, random: 1) { _ in .accept }
    try Raw.execute(
      """
      INSERT INTO known_segment (id, family, origin, items, is_complete) VALUES (7, 'transfers', 1, 5000, 0);
      INSERT INTO known_page (position, checksum, entries) VALUES (7 << 24, 0, zeroblob(32));
      """, in: store.path)
    #expect(
      try await scene.known([scene.source(0), scene.source(1)], in: store.store).classes == [.accepted, .new])
    #expect(
      try Raw.query("SELECT count(*) FROM known_segment WHERE is_complete = 0", in: store.path) == ["0"])
    #expect(try Raw.query("SELECT count(*) FROM known_page", in: store.path) == ["1"])
  }

  @Test("a page that is damaged is found")
  func damage() async throws {
    let store = try await TestStore()
    _ = try await scene.run([scene.source(0)], in: store.store, random: 1) { _ in .accept }
    _ = try await scene.known([scene.source(0)], in: store.store)
    try Raw.execute("UPDATE known_page SET entries = zeroblob(32)", in: store.path)
    await #expect { try await scene.known([scene.source(0)], in: store.store) } throws: {
      ($0 as? StoreError)?.code == .damaged
    }
  }

  @Test("what is sorted in memory for the index is 2 MiB at most, and there is no second copy of it")
  func slices() throws {
    #expect(KnownPages.sliceSize * KnownEntry.size <= 2 << 20)
    let place = KnownPlace(family: .transfers, origin: 1)
    let entries = (0..<5_000).map { number in
      KnownEntry(
        ItemFingerprint(identity: ItemIdentity(high: Int64(7_919 * number % 5_000), low: 0), content: 0),
        KnownMark(.accepted, run: 1))
    }
    var slice = KnownSlice()
    slice.append([place: entries])
    // An array of its own: what it was filled from is not sorted with it.
    slice.append([place: Array(entries.prefix(1))])
    let before = slice.entries[place]?.withUnsafeBufferPointer(\.baseAddress)
    let taken = try #require(slice.take()[place])
    #expect(taken.withUnsafeBufferPointer(\.baseAddress) == before)
    #expect(taken.map(\.high) == ([0] + Array(0..<5_000)).map { Int64($0) })
    #expect(slice.entries.isEmpty && slice.count == 0)
  }

  @Test("items that do not fit into memory are compared all the same", arguments: [1, 7, 100])
  func spilled(sliceSize: Int) async throws {
    let store = try await TestStore()
    let sources = (0..<60).map { scene.source($0) }
    _ = try await scene.run(stride(from: 0, to: 60, by: 3).map { sources[$0] }, in: store.store, random: 1) {
      _ in .accept
    }
    let comparison = SQLKnownComparison(
      KnownScope(KnownScene.settings(), except: nil), store: store.store, sliceSize: sliceSize)
    var maker = FingerprintMaker()
    let prints = sources.map { source in
      Array(source.utf8).withUnsafeBufferPointer { maker.fingerprint(of: $0) }
    }
    for start in stride(from: 0, to: prints.count, by: 9) {
      try await comparison.add(Array(prints[start..<min(start + 9, prints.count)]))
    }
    for _ in 0..<2 {
      let result = try #require(try await comparison.result(isStopped: { false }))
      #expect(result.classes == (0..<60).map { $0 % 3 == 0 ? .accepted : .new })
    }
    #expect(try await comparison.result(isStopped: { true }) == nil)
    try await comparison.close()
  }

  @Test(
    "lists of several pages are merged in order, with those in memory",
    arguments: 1...4 as ClosedRange<UInt64>)
  func merged(seed: UInt64) async throws {
    let random = SeededRandom(seed: seed)
    let database = try await Database.open(path: "a temporary database", mode: .temporary, locks: LockFile())
    {
      try $0.execute(KnownPages.temporaryTable)
    }
    var sources: [KnownSource] = []
    var expected: [Int: Int] = [:]
    for segment in 0..<5 {
      let numbers = (0..<Int(random.next() % 7_000)).map { _ in Int(random.next() % 5_000) }
      for number in numbers { expected[number, default: 0] += 1 }
      let entries = numbers.map {
        KnownEntry(
          ItemFingerprint(identity: ItemIdentity(high: Int64($0 / 10), low: Int64($0 % 10)), content: 0),
          sequence: segment)
      }.sorted(by: KnownEntry.precedes)
      if random.next() % 3 == 0 {
        sources.append(.memory(entries))
      } else {
        try await SQLStore.write(entries, segment: Int64(segment), to: database)
        sources.append(.pages(database, segment: Int64(segment), items: entries.count))
      }
    }
    var merge = KnownMerge(sources)
    var found: [Int] = []
    let isWhole = try await merge.forEach { group in
      let number = Int(group[0].entry.high * 10 + group[0].entry.low)
      #expect(group.count == expected[number])
      #expect(group.map(\.source) == group.map(\.source).sorted())
      found.append(number)
      return number % 2 == 0
    } pause: {
      true
    }
    #expect(isWhole)
    #expect(found == expected.keys.sorted())
    var gone = KnownMerge([.pages(database, segment: 99, items: 1)])
    await #expect(throws: KnownSource.Gone.self) {
      _ = try await gone.forEach { _ in
        true
      } pause: {
        true
      }
    }
    try await database.close()
  }
}
