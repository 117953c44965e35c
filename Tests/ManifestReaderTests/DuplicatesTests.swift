import BatchDomain
import ManifestReader
import Testing

@Suite struct DuplicatesTests {
  static let hashes: [ItemHash] = [
    .standard, ItemHash { _, _ in 7 }, ItemHash { _, name in UInt64(name.count % 2) },
    ItemHash { _, name in name.first == UInt8(ascii: "s") ? 1 : 2 },
  ]
  static let batchSizes = [1, 150, 1 << 20]

  @Test(arguments: 0..<4, batchSizes)
  func verdictsDependNeitherOnTheHashNorOnBatches(hash: Int, batchBytes: Int) async throws {
    let lines = [
      item(1), item(2), item(1),  // Repeats.
      item(3, folder: "b", name: "1.mp4"),  // Clashes with the first.
      item(4, folder: "b", name: "1.mp4"),  // Repeats the one that clashed.
      item(5, index: "629d807aa9e2a3a33a92c00c", folder: "b", name: "1.mp4"),  // Another index.
      item(1, more: #","transcription":"s3://bucket/x.srt""#),  // Conflicts.
      item(6, folder: "c", name: "1.mp4"), item(7),
      item(8, folder: "b", name: "1.mp4", more: #","transcription":null"#),  // Repeats, written otherwise.
    ]
    let reading = try await read(
      Array(lines.joined(separator: "\n").utf8), batchBytes: batchBytes, hash: DuplicatesTests.hashes[hash])
    #expect(reading.items == [0, 1, 3, 5, 7, 8].map { lines[$0] })
    #expect(reading.entries.map(\.element) == [0, 1, 3, 5, 7, 8])
    #expect(reading.repeatedCount == 3)
    #expect(
      reading.findings.kept.map { [$0.code.rawValue, "\($0.line ?? 0)"] } == [
        ["repeated_item", "3"], ["name_clash", "4"], ["repeated_item", "5"], ["conflicting_item", "7"],
        ["name_clash", "8"], ["repeated_item", "10"],
      ])
    var clashing = Set(reading.batches.flatMap(\.earlierClashes))
    for batch in reading.batches {
      #expect(batch.earlierClashes.allSatisfy { $0 < batch.firstSequence })
      for (number, entry) in batch.entries.enumerated() where entry.nameClashes {
        clashing.insert(batch.firstSequence + number)
      }
    }
    #expect(clashing.isSuperset(of: [0, 2, 4]))
    #expect(clashing.isDisjoint(with: [1, 3, 5]))
  }

  @Test(arguments: [
    (#"{"a":1,"b":[1,2]}"#, #"{ "b" : [1, 2] , "a" : 1 }"#, true),
    (#"{"a":1}"#, #"{"a":1.0}"#, false),
    (#"{"a":"x"}"#, #"{"\u0061":"\u0078"}"#, true),
    (#"{"a":"x"}"#, #"{"a":"X"}"#, false),
    (#"{"a":{"b":1,"c":2}}"#, #"{"a":{"c":2,"b":1}}"#, false),
    (#"{"a":"1"}"#, #"{"a":1}"#, false),
    (#"{}"#, #"{"transcription":""}"#, true),
    (#"{"transcription":null}"#, #"{"transcr\u0069ption":""}"#, true),
    (#"{"a":null}"#, #"{}"#, false),
    (#"{"transcription":"s3://bucket/a.srt"}"#, #"{}"#, false),
  ])
  func contentIsComparedByMeaning(first: String, second: String, isEqual: Bool) async throws {
    func extended(_ members: String) -> String {
      let more = members.dropFirst().dropLast()
      return item(1, more: more.allSatisfy { $0 == " " } ? "" : "," + more)
    }
    let reading = try await read("[\(extended(first)),\(extended(second))]")
    #expect(reading.repeatedCount == (isEqual ? 1 : 0))
    #expect(reading.findings.hasFatal == !isEqual)
  }

  @Test func earlierItemsAreAskedForOncePerBatch() async throws {
    let lines = (0..<200).map { item($0) } + (0..<200).map { item($0) }
    let earlier = RememberedItems()
    let reading = try await read(
      Array(lines.joined(separator: "\n").utf8), batchBytes: lines[100].utf8.count * 100, earlier: earlier)
    #expect(reading.itemCount == 200)
    #expect(reading.repeatedCount == 200)
    let calls = await earlier.calls
    #expect(calls.count <= 4)
    #expect(calls.allSatisfy { $0 == $0.sorted() && Set($0).count == $0.count })
  }

  @Test func oneFileNameInManyFoldersIsNotQuadratic() async throws {
    let lines = (0..<5_000).map { item($0, folder: "\($0)", name: "video.mp4") }
    let earlier = RememberedItems()
    let reading = try await read(
      Array(lines.joined(separator: "\n").utf8), batchBytes: 64 * 1024, earlier: earlier)
    #expect(reading.itemCount == 5_000)
    #expect(reading.findings.warningCount == 4_999)
    #expect(await earlier.calls.joined().count < 200)
    #expect(reading.entries.dropFirst().allSatisfy { $0.nameClashes })
  }

  @Test(
    "the index finds everything after growing, whichever bits tell fingerprints apart",
    arguments: [0, 5, 20, 32, 50])
  func indexGrows(shift: Int) {
    holdsAll((0..<3_000).map { UInt64($0 % 600) << shift })
  }

  @Test("the index finds everything after growing often")
  func largeIndexGrows() {
    // Each of the tables becomes eight of them. An odd factor spreads consecutive numbers over all fingerprints.
    holdsAll((0..<1_500_000).map { UInt64($0 % 300_000) &* 0x9E37_79B9_7F4A_7C15 })
  }

  private func holdsAll(_ fingerprints: [UInt64]) {
    // Bits 10 to 31 are used for nothing.
    let telling: UInt64 = 0xFFFF_FFFF_0000_03FF
    var index = DuplicateIndex()
    var expected: [UInt64: [Int]] = [:]
    for (sequence, fingerprint) in fingerprints.enumerated() {
      index.insert(fingerprint, sequence: sequence)
      expected[fingerprint & telling, default: []].append(sequence)
    }
    for (fingerprint, sequences) in expected { #expect(found(fingerprint, in: index).sorted() == sequences) }
    #expect(found(.max, in: index) == [])
  }

  private func found(_ fingerprint: UInt64, in index: DuplicateIndex) -> [Int] {
    var slot = index.start(of: fingerprint)
    var found: [Int] = []
    while let sequence = index.next(fingerprint, from: &slot) { found.append(sequence) }
    return found
  }

  @Test("items that are not alike ask for none of those before them")
  func fewFalseQuestions() async throws {
    let lines = (0..<200_000).map { item($0) }
    let earlier = RememberedItems()
    let reading = try await read(Array(lines.joined(separator: "\n").utf8), earlier: earlier)
    #expect(reading.itemCount == 200_000)
    #expect(await earlier.calls.isEmpty)
  }

  @Test func limitCountsDistinctItemsAndReadsNoFurther() async throws {
    let text = [item(1), item(1), item(2), item(3), "garbage"].joined(separator: "\n")
    let two = try await read(Array(text.utf8), limit: 2)
    #expect(two.items == [item(1), item(2)])
    #expect(two.limitReached)
    #expect(!two.findings.hasFatal)
    #expect(two.elementCount == 3)
    let ten = try await read(Array(text.utf8), limit: 10)
    #expect(ten.itemCount == 3)
    #expect(!ten.limitReached)
    #expect(ten.findings.hasFatal)
    let none = try await read(Array(text.utf8), limit: 0)
    #expect(none.limitReached && none.batches.isEmpty && none.elementCount == 0)
  }

  @Test func limitLeavesTheRestOfThePipeUnread() async throws {
    let source = BlockSource(Array((0..<100).map { item($0) + "\n" }.joined().utf8), sizes: [500])
    var reader = ManifestReader(
      source: ManifestSource(source, name: "x"), options: .init(maxItemBytes: 1000, limit: 3),
      earlier: RememberedItems())
    #expect(try await reader.nextBatch()?.entries.count == 3)
    #expect(source.readCount <= 4)
    #expect(try await reader.nextBatch() == nil)
  }
}
