import BatchDomain
import Crypto

/// Rebuilds contents of `file` parts from the items of a run, and holds them against what was planned: a chunk has the
/// same bytes on every attempt.
struct ChunkContents: Sendable {
  /// The run.
  let run: RunID
  /// `run.id`.
  let row: Int64

  /// What was planned of a chunk's content.
  struct Plan: Sendable {
    let number: ChunkNumber
    let items: Range<Int>
    let byteCount: Int
    let digest: [UInt8]

    /// Columns that make a plan, in the order ``init(_:)`` reads them.
    static let columns = "number, first_item, item_count, byte_count, digest"

    /// The plan in a row whose first columns are ``columns``.
    init(_ row: Statement) {
      number = ChunkNumber(row.int(0))
      items = row.int(1)..<row.int(1) + row.int(2)
      byteCount = row.int(3)
      digest = [UInt8](row.bytes(4))
    }
  }

  /// The content of a planned chunk, of the number of items and the length that were planned; ``damage(of:planned:)``
  /// does the rest.
  ///
  /// - Throws: ``StoreError`` with code `damaged` when the items are not those that were planned.
  func content(of plan: Plan, in connection: Connection) throws -> [UInt8] {
    let part = try filePart(of: plan.items, plannedBytes: plan.byteCount, in: connection)
    guard part.items == plan.items.count, part.content.count == plan.byteCount else {
      throw damage(
        plan.number, found: "\(part.items) items in \(part.content.count) bytes",
        expected: "\(plan.items.count) in \(plan.byteCount)")
    }
    return part.content
  }

  /// What is wrong with the content of a claimed chunk; `nil` when it has the digest it was planned with.
  func damage(of chunk: ClaimedChunk, planned digest: [UInt8]) -> StoreError? {
    if SHA256.hash(data: chunk.filePart).elementsEqual(digest) { return nil }
    return damage(chunk.number, found: "another digest", expected: "that of the plan")
  }

  /// The content of the `file` part for a range of items, and how many of them are there.
  ///
  /// - Parameter bytes: the length it was planned with. Items whose texts alone make up that length have nothing that
  ///   the wire form leaves out, and are taken as they are.
  func filePart(
    of items: Range<Int>, plannedBytes bytes: Int = 0, in connection: Connection
  ) throws -> (content: [UInt8], items: Int) {
    if let part = try asTheyAre(items, bytes: bytes, in: connection) { return part }
    var content: [UInt8] = []
    content.reserveCapacity(bytes)
    content.append(UInt8(ascii: "["))
    var count = 0
    try connection.forEach(Self.sources, start(of: items), end(of: items)) { item in
      if count > 0 { content.append(UInt8(ascii: ",")) }
      item.bytes(0).withMemoryRebound(to: UInt8.self) { WireForm.append(source: $0, to: &content) }
      count += 1
    }
    content.append(UInt8(ascii: "]"))
    return (content, count)
  }

  private static let sources =
    "SELECT source FROM item WHERE position >= ? AND position < ? ORDER BY position"

  /// The texts of items in brackets; `nil` unless they have exactly that length.
  private func asTheyAre(
    _ items: Range<Int>, bytes: Int, in connection: Connection
  ) throws -> (content: [UInt8], items: Int)? {
    guard bytes > 2 else { return nil }
    var found: (rows: Int, bytes: Int)?
    let content = try [UInt8](unsafeUninitializedCapacity: bytes) { buffer, length in
      found = try connection.gather(
        Self.sources, start(of: items), end(of: items), separator: UInt8(ascii: ","),
        into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[1..<bytes - 1]))
      guard found?.bytes == bytes - 2 else { return }
      buffer[0] = UInt8(ascii: "[")
      buffer[bytes - 1] = UInt8(ascii: "]")
      length = bytes
    }
    return found.flatMap { content.count == bytes ? (content, $0.rows) : nil }
  }

  private func start(of items: Range<Int>) -> SQLValue {
    .integer(ItemPosition.of(run: row, sequence: items.lowerBound))
  }

  private func end(of items: Range<Int>) -> SQLValue {
    .integer(ItemPosition.of(run: row, sequence: items.upperBound))
  }

  private func damage(_ chunk: ChunkNumber, found: String, expected: String) -> StoreError {
    StoreError(
      .damaged,
      "the items of chunk \(chunk) of run \(run) are not those that were planned: \(found), expected \(expected)",
      remedy: "restore the database from a backup; nothing more is sent from this one")
  }
}
