import BatchDomain
import Testing

@Suite struct ChunkPlannerTests {
  /// A batch of items of index `a` or `b` (the first letter of each name).
  static func batch(_ first: Int, _ names: [String], clashing: Set<Int> = [], after: String? = nil)
    -> ItemBatch
  {
    var batch = ItemBatch(firstSequence: first)
    var last = after
    for (number, name) in names.enumerated() {
      let source = Array(#"{ "index_id":"\#(name.prefix(1))","object":"s3://b/\#(name)" }"#.utf8)
      let wire = WireForm.bytes(of: source)
      let index = String(name.prefix(1))
      source.withUnsafeBufferPointer {
        batch.append(
          source: $0, wireLength: wire.count, element: first + number,
          nameClashes: clashing.contains(first + number), continuesIndex: last == index)
      }
      last = index
    }
    return batch
  }

  static func content(_ batches: [ItemBatch], _ range: Range<Int>) -> [UInt8] {
    let wires = batches.flatMap { batch in batch.entries.map { Array(batch.wireForm(of: $0)) } }
    return Array("[".utf8) + Array(wires[range].joined(separator: Array(",".utf8))) + Array("]".utf8)
  }

  static func digest(_ bytes: [UInt8]) -> [UInt8] {
    var digest = ContentDigest()
    digest.update(bytes)
    return digest.finished()
  }

  /// FIPS 180-4 example values, so that the digests compared below mean what they say.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  ])
  func digestIsSHA256(text: String, expected: String) {
    let hex = Self.digest(Array(text.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(hex == expected)
  }

  /// Computed with `printf '[%s,%s]' … | sha256sum`.
  @Test func chunkDigestIsThatOfTheFilePart() {
    let chunks = Self.plan([Self.batch(0, ["a0", "b1"])], maxItems: 5, maxBytes: 1000)
    let hex = chunks[0].digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(hex == "54c8ae01645263efdb6349e004fe16ff120a54ee9c286c8cfb236222348e8178")
  }

  static func plan(_ batches: [ItemBatch], maxItems: Int, maxBytes: Int) -> [PlannedChunk] {
    var planner = ChunkPlanner(maxItems: maxItems, maxBytes: maxBytes)
    var chunks = batches.flatMap { planner.add($0) }
    if let last = planner.finish() { chunks.append(last) }
    #expect(planner.finish() == nil)
    return chunks
  }

  static let seven = [
    batch(0, ["a0", "a1", "a2"]), batch(3, ["a3"], after: "a"), batch(4, ["a4", "a5", "a6"], after: "a"),
  ]

  @Test(arguments: [
    (1, [1, 1, 1, 1, 1, 1, 1]), (2, [2, 2, 2, 1]), (3, [3, 3, 1]), (6, [6, 1]), (7, [7]), (8, [7]),
  ])
  func chunksHoldAtMostSoManyItems(maxItems: Int, counts: [Int]) {
    let chunks = Self.plan(Self.seven, maxItems: maxItems, maxBytes: 1 << 20)
    #expect(chunks.map(\.itemCount) == counts)
    check(chunks, Self.seven)
  }

  @Test func chunksHoldAtMostSoManyBytes() {
    let two = Self.content(Self.seven, 0..<2).count
    #expect(Self.plan(Self.seven, maxItems: 50, maxBytes: two).map(\.itemCount) == [2, 2, 2, 1])
    #expect(
      Self.plan(Self.seven, maxItems: 50, maxBytes: two - 1).map(\.itemCount) == Array(repeating: 1, count: 7)
    )
    #expect(Self.plan(Self.seven, maxItems: 50, maxBytes: two + 1).map(\.itemCount) == [2, 2, 2, 1])
    #expect(
      Self.plan(Self.seven, maxItems: 50, maxBytes: 1).map(\.itemCount) == Array(repeating: 1, count: 7))
    for limit in [1, two, two * 2, 1000] {
      check(Self.plan(Self.seven, maxItems: 50, maxBytes: limit), Self.seven)
    }
  }

  private func check(_ chunks: [PlannedChunk], _ batches: [ItemBatch]) {
    var next = 0
    for chunk in chunks {
      #expect(chunk.firstItem == next)
      next += chunk.itemCount
      let content = Self.content(batches, chunk.firstItem..<next)
      #expect(chunk.byteCount == content.count)
      #expect(chunk.digest == Self.digest(content))
      #expect(chunk.digest.count == ContentDigest.byteCount)
    }
    #expect(next == batches.last?.endSequence ?? 0)
  }

  @Test func largeContentIsDigestedInParts() {
    let batch = Self.batch(0, (0..<5000).map { "a\($0)" })
    check(Self.plan([batch], maxItems: 10_000, maxBytes: 1 << 30), [batch])
  }

  @Test func oneIndexIsKnownAndSeveralAreNil() {
    let batches = [
      Self.batch(0, ["a0", "a1", "a2"]), Self.batch(3, ["b3", "b4", "b5"], after: "a"),
      Self.batch(6, ["b6", "a7", "a8", "a9"], after: "b"),
    ]
    #expect(Self.plan(batches, maxItems: 2, maxBytes: 1 << 20).map(\.indexID) == ["a", nil, "b", nil, "a"])
    #expect(Self.plan(batches, maxItems: 3, maxBytes: 1 << 20).map(\.indexID) == ["a", "b", nil, "a"])
    #expect(Self.plan(batches, maxItems: 10, maxBytes: 1 << 20).map(\.indexID) == [nil])
  }

  @Test func clashesFlagTheirChunks() {
    var batches = [
      Self.batch(0, ["a0", "a1", "a2"], clashing: [1]), Self.batch(3, ["a3", "a4", "a5"], after: "a"),
    ]
    #expect(Self.plan(batches, maxItems: 2, maxBytes: 1 << 20).map(\.nameClashes) == [true, false, false])
    batches[1].earlierClashes = [0]
    #expect(Self.plan(batches, maxItems: 2, maxBytes: 1 << 20).map(\.nameClashes) == [true, false, false])
    batches[1].earlierClashes = [0, 2]
    #expect(Self.plan(batches, maxItems: 2, maxBytes: 1 << 20).map(\.nameClashes) == [true, true, false])
  }

  @Test func nothingPlannedFromNothing() {
    #expect(Self.plan([], maxItems: 2, maxBytes: 100).isEmpty)
  }
}
