import BatchDomain

/// Whether an id that the service gave is recorded for two chunks at the same step: then one of them may be lost.
///
/// Two readings, since neither memory nor a statement is to grow with the ids themselves: the first keeps 8 bytes of each
/// and finds out which may come twice, the second compares those. Where none comes twice, as in every sound run, there is
/// no second one.
struct ExternalIDAudit: AuditPass {
  static let pageSize = 5_000

  private struct Given: Hashable {
    let step: String
    let id: String
  }

  private let row: Int64
  private let hasIDs: Bool
  private var after = (chunk: -1, number: 0)
  private var hashes: [Int] = []
  /// Hashes that came more than once; `nil` as long as they are collected.
  private var suspects: Set<Int>?
  private var holders: [Given: (first: Int, others: Set<Int>)] = [:]

  init(_ run: AuditedRun) {
    row = run.row
    hasIDs = run.steps.count > 1
  }

  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool {
    guard hasIDs else { return false }
    var count = 0
    var audit = self
    _ = try connection.rows(
      """
      SELECT chunk, number, step, external_id FROM attempt
      WHERE run = ? AND (chunk, number) > (?, ?) ORDER BY chunk, number LIMIT ?
      """, .integer(row), .integer(after.chunk), .integer(after.number), .integer(Self.pageSize)
    ) {
      count += 1
      audit.after = ($0.int(0), $0.int(1))
      guard let id = $0.optionalText(3) else { return }
      audit.take(Given(step: $0.text(2), id: id), of: $0.int(0))
    }
    self = audit
    guard count < Self.pageSize else { return true }
    guard suspects == nil else {
      report(&findings)
      return false
    }
    hashes.sort()
    let found = Set(zip(hashes, hashes.dropFirst()).filter { $0 == $1 }.map(\.0))
    suspects = found
    hashes = []
    after = (-1, 0)
    return !found.isEmpty
  }

  private mutating func take(_ given: Given, of chunk: Int) {
    guard let suspects else {
      hashes.append(given.hashValue)
      return
    }
    guard suspects.contains(given.hashValue) else { return }
    var known = holders[given] ?? (chunk, [])
    if known.first != chunk { known.others.insert(chunk) }
    holders[given] = known
  }

  private func report(_ findings: inout AuditFindings) {
    let found = holders.filter { !$0.value.others.isEmpty }
      .sorted { ($0.value.first, $0.key.step, $0.key.id) < ($1.value.first, $1.key.step, $1.key.id) }
    for (given, known) in found {
      for other in known.others.sorted() {
        findings.add(
          .externalIDs, "chunk \(other)",
          "has the id \(VisibleText.escape(given.id, cutAt: 100)) of the step \(given.step), which chunk \(known.first) has as well, expected an "
            + "id that no other chunk has")
      }
    }
  }
}
