import BatchDomain

/// Whether the items of a run are all there, and are those it was planned with.
struct ItemAudit: AuditPass {
  /// Items looked at in one read, up to a row more.
  static let pageSize = 2_000

  private let run: AuditedRun
  private let rows: ItemRows
  /// Where the next row may begin.
  private var place = 0
  /// The item after those that were found.
  private var next = 0
  private var isWhole = true
  private var digest = ContentDigest()

  init(_ run: AuditedRun) {
    self.run = run
    rows = ItemRows(run: run.row)
  }

  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool {
    guard let first = try rows.nextBlock(from: place, in: connection) else {
      finish(&findings)
      try checkRecords(in: connection, &findings)
      return false
    }
    var audit = self
    try rows.forEachBlock(beginningIn: first..<first + Self.pageSize, in: connection) {
      audit.check($0, &findings)
    }
    self = audit
    return true
  }

  private mutating func check(_ block: ItemBlock, _ findings: inout AuditFindings) {
    let items = block.items
    if items.lowerBound > next { missing(next..<items.lowerBound, &findings) }
    if items.lowerBound < next {
      isWhole = false
      findings.add(.items, "item \(items.lowerBound)", "is there twice, expected once")
    }
    let found = block.withArray { array in
      var found = 0
      var wire: [UInt8] = []
      for source in ItemArray(array) {
        WireForm.append(source: source, to: &wire)
        wire.append(0x0A)
        found += 1
      }
      digest.update(wire)
      return found
    }
    if found != items.count {
      isWhole = false
      findings.add(
        .items, "the row of item \(items.lowerBound)",
        "has \(HumanNumber.text(found, "item")), expected \(HumanNumber.text(items.count))")
    }
    if block.isIntact == false {
      findings.add(
        .items, "the row of item \(items.lowerBound)",
        "has another checksum, expected the one it was recorded with")
    }
    if !block.forEachSource(in: items, { _, _ in }) {
      findings.add(
        .items, "the row of item \(items.lowerBound)",
        "does not say how its items were written, expected what the manifest said; nothing else depends on it"
      )
    }
    findings.checked.items += found
    place = max(place, items.lowerBound) + 1
    next = max(next, items.lowerBound + min(found, items.count))
  }

  private mutating func missing(_ items: Range<Int>, _ findings: inout AuditFindings) {
    isWhole = false
    let expected = items.clamped(to: 0..<run.items)
    guard !expected.isEmpty else { return }
    let row =
      expected.count == 1
      ? "item \(expected.lowerBound)" : "items \(expected.lowerBound) to \(expected.upperBound - 1)"
    findings.add(.items, row, "\(expected.count == 1 ? "is" : "are") missing, expected every item once")
  }

  /// What is known of items at the service is about items of the run.
  private func checkRecords(in connection: Connection, _ findings: inout AuditFindings) throws {
    let strayed = try connection.first(
      "SELECT position FROM tracked_item WHERE position >= ? AND position < ? LIMIT 1",
      .integer(ItemPosition.of(run: run.row, sequence: run.items)),
      .integer(ItemPosition.of(run: run.row + 1, sequence: 0))
    ) { ItemPosition.sequence(at: Int64($0.int(0))) }
    guard let strayed else { return }
    findings.add(.references, "the record of item \(strayed)", "belongs to an item that is not there")
  }

  private mutating func finish(_ findings: inout AuditFindings) {
    if next < run.items { missing(next..<run.items, &findings) }
    if next > run.items {
      isWhole = false
      findings.add(
        .items, "item \(next - 1)",
        "is there, and the run has \(HumanNumber.text(run.items, "item")), numbered from 0")
    }
    // Without all items the digest can only differ, and that is said already.
    guard isWhole, let planned = run.manifestDigest, digest.finished() != planned else { return }
    findings.addOfRun(
      .manifestDigest,
      "has items with the digest \(digest.finished().hex), expected \(planned.hex) from its plan")
  }
}

extension [UInt8] {
  /// The bytes in hexadecimal digits.
  var hex: String {
    map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// Whether the `file` part of a chunk, built from its items as for a request, is the one that was planned.
enum ContentAudit {
  static func check(
    _ chunk: ChunkRecords, run: Int64, in connection: Connection, _ findings: inout AuditFindings
  ) throws {
    guard chunk.itemCount > 0, chunk.firstItem >= 0 else { return }
    var digest = ContentDigest()
    var wire = [UInt8(ascii: "[")]
    var byteCount = 0
    var count = 0
    let items = Range(firstItem: chunk.firstItem, count: chunk.itemCount)
    try ItemRows(run: run).forEach(items, in: connection) { _, source in
      if count > 0 { wire.append(UInt8(ascii: ",")) }
      WireForm.append(source: source, to: &wire)
      digest.update(wire)
      byteCount += wire.count
      wire.removeAll(keepingCapacity: true)
      count += 1
    }
    wire.append(UInt8(ascii: "]"))
    digest.update(wire)
    byteCount += wire.count
    let row = "chunk \(chunk.number)"
    guard count == chunk.itemCount else {
      findings.add(
        .digest, row,
        "has \(HumanNumber.text(count, "item")) to be built from, expected \(HumanNumber.text(chunk.itemCount))"
      )
      return
    }
    let found = digest.finished()
    if found != chunk.digest {
      findings.add(
        .digest, row, "has items with the digest \(found.hex), expected \(chunk.digest.hex) from its plan")
    } else if byteCount != chunk.byteCount {
      findings.add(
        .digest, row, "has a file part of \(byteCount) bytes, expected \(chunk.byteCount) from its plan")
    }
  }
}

/// Whether the chunks that were not split cover the items of a run exactly.
///
/// Safe beside an owner that splits chunks: the ranges only ever get finer, so what one page ended with is still the
/// end of a chunk when the next page is read.
struct CoverageAudit: AuditPass {
  static let pageSize = 1_000

  /// A chunk that was not split when it was read.
  private struct Leaf: Sendable {
    let number: Int
    let firstItem: Int
    let itemCount: Int
  }

  private let run: AuditedRun
  /// The leaf that was read last.
  private var last: Leaf?
  /// The leaf that reaches furthest.
  private var furthest: Leaf?
  private var covered = 0

  init(_ run: AuditedRun) { self.run = run }

  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool {
    let leaves = try connection.snapshot { try read(in: connection) }
    for leaf in leaves { take(leaf, &findings) }
    if leaves.count == Self.pageSize { return true }
    if covered < run.items {
      findings.add(.coverage, "items \(covered) to \(run.items - 1)", "are in no chunk, expected each in one")
    } else if covered > run.items, let furthest {
      findings.add(
        .coverage, "chunk \(furthest.number)",
        "ends with item \(covered - 1), and the run has \(HumanNumber.text(run.items, "item")), numbered from 0"
      )
    }
    return false
  }

  private func read(in connection: Connection) throws -> [Leaf] {
    var start = (firstItem: last?.firstItem ?? Int.min, number: last?.number ?? -1)
    if let last {
      let isStillLeaf = try connection.first(
        "SELECT state <> 'split' FROM chunk WHERE run = ? AND number = ?", .integer(run.row),
        .integer(last.number)
      ) { $0.flag(0) }
      // Its children stand where it stood, and were not there when it was read.
      if isStillLeaf == false { start = (covered, -1) }
    }
    return try connection.rows(
      """
      SELECT number, first_item, item_count FROM chunk INDEXED BY chunk_items
      WHERE run = ?1 AND first_item >= ?2 AND (first_item > ?2 OR number > ?3) AND state <> 'split'
      ORDER BY first_item, number LIMIT ?4
      """, .integer(run.row), .integer(start.firstItem), .integer(start.number), .integer(Self.pageSize)
    ) { Leaf(number: $0.int(0), firstItem: $0.int(1), itemCount: $0.int(2)) }
  }

  private mutating func take(_ leaf: Leaf, _ findings: inout AuditFindings) {
    let end = Range(firstItem: leaf.firstItem, count: leaf.itemCount).upperBound
    let row = "chunk \(leaf.number)"
    if leaf.firstItem > covered {
      findings.add(
        .coverage, "items \(covered) to \(leaf.firstItem - 1)",
        "are in no chunk, expected each in one; the next is \(row)")
    } else if leaf.firstItem < covered {
      findings.add(
        .coverage, row,
        "begins with item \(leaf.firstItem), which chunk \(furthest?.number ?? 0) has, too; expected item \(covered)"
      )
    }
    last = leaf
    if end > covered || furthest == nil {
      furthest = leaf
      covered = max(covered, end)
    }
  }
}
