import BatchDomain
import Crypto

/// Makes the contents of `file` parts of the items of a run: a chunk has the same bytes on every attempt.
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
      items = Range(firstItem: row.int(1), count: row.int(2))
      byteCount = row.int(3)
      digest = [UInt8](row.bytes(4))
    }
  }

  /// The content of a planned chunk.
  ///
  /// Whole rows that are in wire form are taken as they are, and their checksums vouch for them. Whatever is made otherwise
  /// is held against the digest of the plan, which takes four times as long: rows that have no checksum or another one,
  /// and items whose wire form has to be made, by a program that may not be the one that planned it.
  ///
  /// - Throws: ``StoreError`` with code `damaged` when the items are not those that were planned.
  func content(of plan: Plan, in connection: Connection) throws -> [UInt8] {
    let part = try filePart(of: plan.items, reserving: plan.byteCount, in: connection)
    guard part.items == plan.items.count, part.content.count == plan.byteCount else {
      throw damage(
        plan.number,
        found:
          "\(HumanNumber.text(part.items, "item")) in \(HumanNumber.text(part.content.count, "byte"))",
        expected: "\(HumanNumber.text(plan.items.count)) in \(HumanNumber.text(plan.byteCount))")
    }
    guard part.isVouchedFor || SHA256.hash(data: part.content).elementsEqual(plan.digest) else {
      throw damage(plan.number, found: "another digest", expected: "that of the plan")
    }
    return part.content
  }

  /// The `file` part for a range of items, as far as they are there.
  struct FilePart {
    /// The content: `[`, the wire forms of the items joined by `,`, `]`.
    fileprivate(set) var content: [UInt8]
    /// How many items are in it.
    fileprivate(set) var items = 0
    /// Whether it consists of whole rows that were taken as they are and have the checksums they were recorded with.
    fileprivate(set) var isVouchedFor = true

    fileprivate init(reserving bytes: Int) {
      content = []
      content.reserveCapacity(bytes)
      content.append(UInt8(ascii: "["))
    }

    /// Adds the items of a block that are wanted.
    fileprivate mutating func append(_ block: ItemBlock, _ wanted: Range<Int>) {
      if block.isInWireForm, block.items.clamped(to: wanted) == block.items, block.isIntact == true {
        separate()
        block.withArray { content.append(contentsOf: $0.dropFirst().dropLast()) }
        items += block.items.count
      } else {
        isVouchedFor = false
        block.forEach(in: wanted) { _, source in
          separate()
          WireForm.append(source: source, to: &content)
          items += 1
        }
      }
    }

    private mutating func separate() {
      if items > 0 { content.append(UInt8(ascii: ",")) }
    }

    fileprivate mutating func close() { content.append(UInt8(ascii: "]")) }
  }

  /// The content of the `file` part for a range of items, and how many of them are there.
  ///
  /// - Parameter bytes: the length it is known to have.
  func filePart(
    of items: Range<Int>, reserving bytes: Int = 0, in connection: Connection
  ) throws -> FilePart {
    var part = FilePart(reserving: bytes)
    try ItemRows(run: row).forEachBlock(with: items, in: connection) { part.append($0, items) }
    part.close()
    return part
  }

  /// The wire forms of a range of items, of which contents of parts of it are made.
  struct WireForms {
    fileprivate let first: Int
    /// All of them, one behind the other.
    fileprivate var bytes: [UInt8] = []
    /// Where each ends in the bytes; one more than there are items.
    fileprivate var ends = [0]
    fileprivate var indexes: [IndexID] = []

    /// The content of a `file` part with these items, which are among them.
    func content(of items: Range<Int>) -> [UInt8] {
      var content: [UInt8] = []
      content.reserveCapacity(
        ends[items.upperBound - first] - ends[items.lowerBound - first] + items.count + 1)
      for item in items {
        content.append(item == items.lowerBound ? UInt8(ascii: "[") : UInt8(ascii: ","))
        content += bytes[ends[item - first]..<ends[item - first + 1]]
      }
      content.append(UInt8(ascii: "]"))
      return content
    }

    /// The index of all these items; `nil` when they differ.
    func index(of items: Range<Int>) -> IndexID? {
      let found = indexes[items.lowerBound - first..<items.upperBound - first]
      guard let index = found.first, found.allSatisfy({ $0 == index }) else { return nil }
      return index
    }
  }

  /// The wire forms of a range of items, in one pass over their rows.
  ///
  /// - Throws: ``StoreError`` with code `damaged` when one of them is not there.
  func wireForms(of items: Range<Int>, in connection: Connection) throws -> WireForms {
    var forms = WireForms(first: items.lowerBound)
    try ItemRows(run: row).forEach(items, in: connection) { _, source in
      WireForm.append(source: source, to: &forms.bytes)
      forms.ends.append(forms.bytes.count)
      forms.indexes.append(Item(source).indexID)
    }
    guard forms.indexes.count == items.count else {
      throw StoreError(
        .damaged,
        "run \(run) has \(forms.indexes.count) of its items \(items.lowerBound) to \(items.upperBound - 1)",
        remedy: "restore the database from a backup")
    }
    return forms
  }

  private func damage(_ chunk: ChunkNumber, found: String, expected: String) -> StoreError {
    StoreError(
      .damaged,
      "the items of chunk \(chunk) of run \(run) are not those that were planned: \(found), expected \(expected)",
      remedy: "restore the database from a backup; nothing more is sent from this one")
  }
}

/// Fragments of SQL over the table of chunks that several statements share.
enum ChunkRows {
  /// The terms of the index `chunk_open`, which statements have to repeat for SQLite to see that the index serves them.
  static let indexed = "state <> 'accepted' AND state <> 'split' AND state <> 'cancelled'"
  /// Chunks that are still to be decided.
  static let open = "state IN (\(words(ChunkState.allCases.filter { !$0.isFinal }))) AND \(indexed)"

  /// Whether a chunk that is named by its number is in a state. Written so that no index of states serves it: without
  /// statistics PostgreSQL takes `chunk_open` for as good as the key, and then walks along all chunks in that state.
  static func isIn(_ state: ChunkState) -> String { "state || '' = '\(state.rawValue)'" }

  /// States as the right side of `IN`. Only the enumeration's own words get into a statement.
  static func words(_ states: some Sequence<ChunkState>) -> String {
    states.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
  }
}
