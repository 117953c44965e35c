import BatchDomain
import CSQLite

/// The version of SQLite this process runs with.
struct EngineVersion: Sendable, Equatable {
  /// As `sqlite3_libversion_number` has it: 3.40.1 is 3040001 (https://sqlite.org/c3ref/libversion.html).
  let number: Int

  /// The library's own.
  static let current = EngineVersion(number: Int(sqlite3_libversion_number()))

  /// STRICT tables came with 3.37.0 (https://sqlite.org/stricttables.html).
  private static let oldest = 3_037_000
  /// The WAL-reset bug is in 3.7.0 to 3.51.2 (https://sqlite.org/wal.html, "The WAL-Reset Bug").
  private static let withResetBug = 3_007_000...3_051_002

  /// The version as people write it.
  var text: String { "\(number / 1_000_000).\(number / 1_000 % 1_000).\(number % 1_000)" }

  /// What it means for this program.
  var check: HealthCheck {
    guard number >= Self.oldest else {
      return HealthCheck(
        .sqlite, .problem, "SQLite \(text) is too old, expected 3.37.0 or newer",
        remedy: "install a newer libsqlite3")
    }
    guard Self.withResetBug.contains(number) else { return HealthCheck(.sqlite, .ok, "SQLite \(text)") }
    return HealthCheck(
      .sqlite, .ok,
      "SQLite \(text) has the WAL-reset bug (3.7.0 to 3.51.2); this program works around it by its own locks, and "
        + "other programs should only read the database")
  }
}
