import BatchDomain

/// Whether the items of a run are all there, and are those it was planned with.
struct ItemAudit: AuditPass {
  static let pageSize = 2_000

  private let run: AuditedRun
  private var next = 0
  private var isWhole = true
  private var digest = ContentDigest()

  init(_ run: AuditedRun) { self.run = run }

  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool {
    var audit = self
    var found = 0
    var wire: [UInt8] = []
    let rows: [Void] = try connection.rows(
      "SELECT position, source FROM item WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
      .integer(ItemPosition.of(run: run.row, sequence: next)),
      .integer(ItemPosition.of(run: run.row + 1, sequence: 0)), .integer(Self.pageSize)
    ) { item in
      let sequence = ItemPosition.sequence(at: Int64(item.int(0)))
      if sequence > audit.next { audit.missing(audit.next..<sequence, &findings) }
      audit.next = sequence + 1
      found += 1
      wire.removeAll(keepingCapacity: true)
      item.bytes(1).withMemoryRebound(to: UInt8.self) { WireForm.append(source: $0, to: &wire) }
      wire.append(0x0A)
      audit.digest.update(wire)
    }
    self = audit
    findings.checked.items += found
    if rows.count == Self.pageSize { return true }
    finish(&findings)
    return false
  }

  private mutating func missing(_ items: Range<Int>, _ findings: inout AuditFindings) {
    isWhole = false
    let expected = items.clamped(to: 0..<run.items)
    guard !expected.isEmpty else { return }
    let row =
      expected.count == 1
      ? "item \(expected.lowerBound)" : "items \(expected.lowerBound) to \(expected.upperBound - 1)"
    findings.add(.items, row, "\(expected.count == 1 ? "is" : "are") missing, expected one row per item")
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
