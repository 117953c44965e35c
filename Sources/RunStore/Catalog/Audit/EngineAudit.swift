import BatchDomain

/// The engine's own checks of the whole file.
///
/// Each is one statement and so one read transaction, the longest of an audit: commits go on beside it, and the
/// write-ahead log grows until it is over. CHECK constraints are not among them: SQLite does not even parse them where it
/// may only read (`sqlite3AddCheckConstraint` in its build.c).
struct EngineAudit: AuditPass {
  private static let shown = 100

  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool {
    // https://sqlite.org/pragma.html#pragma_integrity_check: one row "ok", or one row per problem.
    let found = try connection.rows("PRAGMA integrity_check(\(Self.shown))") { $0.text(0) }
    for text in found where text != "ok" {
      findings.addOfDatabase(.integrity, "is damaged: \(VisibleText.escape(text, cutAt: 300))")
    }
    let broken = try connection.rows(
      """
      SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY "table", parent ORDER BY 1, 2
      """
    ) { (table: $0.text(0), parent: $0.text(1), count: $0.int(2)) }
    for row in broken {
      findings.addOfDatabase(
        .references,
        "has \(row.count) rows in table \(row.table) that refer to rows of \(row.parent) that are not there, "
          + "expected 0")
    }
    return false
  }
}
