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
        .items, "the row of item \(items.lowerBound)", "has \(found) items, expected \(items.count)")
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

  /// What the service says of items is about items of the run.
  private func checkRecords(in connection: Connection, _ findings: inout AuditFindings) throws {
    let strayed = try connection.first(
      "SELECT position FROM item_record WHERE position >= ? AND position < ? LIMIT 1",
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
        .items, "item \(next - 1)", "is there, and the run has \(run.items) items, numbered from 0")
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
