import BatchDomain

/// Looks for pages that are not what was written: SQLite has no checksums of them, and reads a torn one as rows
/// that are empty or gone.
///
/// Every table is read but that of the items, which is most of the database and whose texts are checked before they are
/// sent, and that of known items, which grows with every run and only serves a warning.
enum IntegrityCheck {
  /// Looks at the structure of the tables and their indexes, and at the constraints of their columns
  /// (https://sqlite.org/pragma.html#pragma_quick_check).
  ///
  /// - Throws: ``StoreError`` with code `damaged` and the first thing that is wrong.
  static func check(_ connection: Connection, path: String) throws {
    let tables = try connection.rows(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('item_block', 'known_item') ORDER BY name"
    ) { $0.text(0) }
    for table in tables {
      let found = try connection.first("SELECT quick_check FROM pragma_quick_check(?)", .text(table)) {
        $0.text(0)
      }
      guard found == "ok" else {
        throw StoreError(
          .damaged, "\(path) is damaged: \(found ?? "its table \(table) cannot be checked")",
          remedy: "restore the database from a backup, or name another one with --db")
      }
    }
  }
}
