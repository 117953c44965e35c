import BatchDomain
import ManifestReader

/// Bytes in blocks of chosen sizes; the last size goes on to the end.
final class BlockSource: ByteSource {
  private let bytes: [UInt8]
  private var sizes: [Int]
  private var offset = 0
  private(set) var readCount = 0

  init(_ bytes: [UInt8], sizes: [Int] = [Int.max]) {
    self.bytes = bytes
    self.sizes = sizes
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int {
    readCount += 1
    let size = sizes.count > 1 ? sizes.removeFirst() : sizes[0]
    let count = min(size, buffer.count, bytes.count - offset)
    buffer.copyBytes(from: bytes[offset..<offset + count])
    offset += count
    return count
  }
}

/// Everything that reading a manifest gives.
struct Reading: Equatable {
  var batches: [ItemBatch] = []
  var findings = FindingLog()
  var itemCount = 0
  var repeatedCount = 0
  var elementCount = 0
  var limitReached = false
  var digest: [UInt8] = []

  /// The source texts of the items in order.
  var items: [String] {
    batches.flatMap { batch in batch.entries.map { String(decoding: batch.source(of: $0), as: UTF8.self) } }
  }

  /// The entries in order.
  var entries: [ItemBatch.Entry] { batches.flatMap(\.entries) }
}

/// Remembers batches and gives their items back, as a store would; counts what it was asked.
actor RememberedItems: EarlierItems {
  private var items: [[UInt8]] = []
  private(set) var calls: [[Int]] = []

  func add(_ batch: ItemBatch) {
    precondition(batch.firstSequence == items.count, "batches follow one another")
    for entry in batch.entries { items.append(Array(batch.source(of: entry))) }
  }

  func texts(of sequences: [Int]) async throws -> [[UInt8]] {
    calls.append(sequences)
    return sequences.map { items[$0] }
  }
}

/// Reads the bytes to the end.
func read(
  _ bytes: [UInt8], sizes: [Int] = [Int.max], maxItemBytes: Int = 1 << 20, limit: Int? = nil,
  batchBytes: Int = 256 * 1024, sendsTranscriptionAndLanguage: Bool = true,
  earlier: RememberedItems = RememberedItems(), hash: ItemHash = .standard
) async throws -> Reading {
  let options = ManifestReader.Options(
    maxItemBytes: maxItemBytes, limit: limit, batchBytes: batchBytes,
    sendsTranscriptionAndLanguage: sendsTranscriptionAndLanguage)
  var reader = ManifestReader(
    source: ManifestSource(BlockSource(bytes, sizes: sizes), name: "test.json"), options: options,
    earlier: earlier, hash: hash)
  var result = Reading()
  while let batch = try await reader.nextBatch() {
    await earlier.add(batch)
    result.batches.append(batch)
  }
  result.findings = reader.findings
  result.itemCount = reader.itemCount
  result.repeatedCount = reader.repeatedCount
  result.elementCount = reader.elementCount
  result.limitReached = reader.limitReached
  result.digest = reader.manifestDigest
  return result
}

/// Reads the text to the end.
func read(_ text: String, sizes: [Int] = [Int.max]) async throws -> Reading {
  try await read(Array(text.utf8), sizes: sizes)
}

/// A sound item.
func item(
  _ number: Int, index: String = "629d807aa9e2a3a33a92c00b", folder: String = "a", name: String? = nil,
  more: String = ""
) -> String {
  let object = "s3://bucket/\(folder)/" + (name ?? "\(number).mp4")
  return #"{"index_id":"\#(index)","language":"en","object":"\#(object)"\#(more)}"#
}
