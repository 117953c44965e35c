import BatchDomain

/// The row of a run as an audit reads it.
struct AuditedRun: Sendable, Equatable {
  let row: Int64
  let state: String
  let reason: String?
  let finishedAt: Int?
  let items: Int
  let attempts: Int
  let owner: Int
  /// Digest of the items' wire forms; `nil` while the run is being planned.
  let manifestDigest: [UInt8]?

  /// Reads the row as it is now.
  ///
  /// - Throws: ``StoreError`` with code `no_such_run` when it is gone.
  static func read(_ row: Int64, in connection: Connection) throws -> AuditedRun {
    let found = try connection.first(
      "SELECT state, items, attempts, owner, manifest_digest, reason, finished_at FROM run WHERE id = ?",
      .integer(row)
    ) {
      AuditedRun(
        row: row, state: $0.text(0), reason: $0.optionalText(5), finishedAt: $0.optionalInt(6),
        items: $0.int(1), attempts: $0.int(2), owner: $0.int(3),
        manifestDigest: $0.bytes(4).isEmpty ? nil : [UInt8]($0.bytes(4)))
    }
    guard let found else {
      throw StoreError(.noSuchRun, "the run was removed while it was looked at")
    }
    return found
  }
}

extension Connection {
  /// Reads several things as they were at one moment.
  func snapshot<T>(_ body: () throws -> T) throws -> T {
    try run("BEGIN")
    do {
      let value = try body()
      try run("COMMIT")
      return value
    } catch {
      let cause = error
      if isInTransaction {
        // The cause is the better thing to report.
        do { try run("ROLLBACK") } catch { throw cause }
      }
      throw cause
    }
  }
}
