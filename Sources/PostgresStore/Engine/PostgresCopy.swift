import BatchDomain
import StoreCore

/// Rows for a table as `COPY ... FROM STDIN (FORMAT binary)` takes them: one statement, whatever their number.
///
/// The form: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". Integers are `bigint`, as every
/// integer column of the schema is.
final class PostgresCopy: BulkRowSink {
  private static let signature = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]

  private unowned let connection: PostgresConnection
  private let sql: String
  private let columns: Int16
  private var data = PostgresCopy.signature + [UInt8](repeating: 0, count: 8)
  private var isInRow = false
  private var isEmpty = true

  init(into table: String, _ columns: [String], on connection: PostgresConnection) {
    self.connection = connection
    self.columns = Int16(columns.count)
    sql = "COPY \(table) (\(columns.joined(separator: ", "))) FROM STDIN (FORMAT binary)"
  }

  func put(_ value: SQLValue) {
    beginRow()
    switch value {
    case .integer(let integer?):
      append(Int32(MemoryLayout<Int64>.size))
      append(integer)
    case .text(let text?):
      append(Int32(text.utf8.count))
      data.append(contentsOf: text.utf8)
    case .blob(let bytes?):
      append(Int32(bytes.count))
      data.append(contentsOf: bytes)
    case .integer(nil), .text(nil), .blob(nil):
      append(Int32(-1))
    }
  }

  func put(keeping bytes: UnsafeRawBufferPointer) {
    beginRow()
    append(Int32(bytes.count))
    data.append(contentsOf: bytes)
  }

  func endRow() { isInRow = false }

  func finish() throws(StoreError) {
    guard !isEmpty else { return }
    append(Int16(-1))
    try connection.copy(data, sql)
  }

  private func beginRow() {
    guard !isInRow else { return }
    isInRow = true
    isEmpty = false
    append(columns)
  }

  private func append(_ integer: some FixedWidthInteger) {
    withUnsafeBytes(of: integer.bigEndian) { data.append(contentsOf: $0) }
  }
}
