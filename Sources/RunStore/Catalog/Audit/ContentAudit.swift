import BatchDomain

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
    let items = chunk.firstItem..<chunk.firstItem + chunk.itemCount
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
      findings.add(.digest, row, "has \(count) items to be built from, expected \(chunk.itemCount)")
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
