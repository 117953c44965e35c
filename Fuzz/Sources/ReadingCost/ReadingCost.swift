import AllocationCounter
import BatchDomain
import ManifestReader

#if canImport(Glibc)
  import Glibc
#endif

/// Counts the allocations of reading and chunking, in an optimised build, and fails when an item has one of its own.
@main
struct ReadingCost {
  /// A chunk of a hundred items, its digest and a batch's arrays are allocated; an item is not.
  static let limit = 0.1

  static func main() async throws {
    let few = try await allocations(50_000)
    let many = try await allocations(250_000)
    let perItem = Double(many - few) / 200_000
    print("reading and chunking: \(perItem) allocations an item, at most \(limit)")
    if perItem > limit { exit(1) }
  }

  static func source(_ number: Int) -> String {
    let digits = String(number)
    let name = "media-west/episode-" + String(repeating: "0", count: 9 - digits.count) + digits
    return #"{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://"# + name
      + #".mp4","transcription":"s3://"# + name + #".srt"}"#
  }

  /// Allocations for a manifest of that many items.
  static func allocations(_ items: Int) async throws -> Int {
    let path = "/tmp/reading-cost-\(getpid())-\(items).jsonl"
    guard let file = fopen(path, "w") else { fatalError("cannot write \(path)") }
    for number in 0..<items { fputs(source(number) + "\n", file) }
    fclose(file)
    defer { unlink(path) }
    // The reader never suspends here, so all of it is counted on one thread.
    let thread = allocation_thread()
    let before = allocation_count()
    var reader = ManifestReader(
      source: try ManifestSource(path: path), options: ManifestReader.Options(maxItemBytes: 1_000_000),
      earlier: SameItems())
    var planner = ChunkPlanner(maxItems: 100, maxBytes: 1_000_000)
    var chunks = 0
    while let batch = try await reader.nextBatch() { chunks += planner.add(batch).count }
    let after = allocation_count()
    guard reader.itemCount == items, chunks > 0, before >= 0, allocation_thread() == thread else {
      fatalError("nothing was counted")
    }
    return Int(after - before)
  }
}

/// Asked now and then: two items may share a fingerprint. Answers without suspending.
struct SameItems: EarlierItems {
  func texts(of sequences: [Int]) async throws -> [[UInt8]] {
    sequences.map { Array(ReadingCost.source($0).utf8) }
  }
}
