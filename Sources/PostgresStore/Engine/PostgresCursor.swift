import BatchDomain
import CPostgres
import StoreCore

/// A statement of a ``PostgresConnection``, and the rows of its last run.
final class PostgresCursor: SQLCursor {
  private let sql: String
  private unowned let connection: PostgresConnection
  /// What it is prepared as, once it is known.
  private var digest: String?
  private var parameters = PostgresParameters()
  private var result: OpaquePointer?
  private var row: Int32 = -1
  private(set) var changedRows = 0

  init(_ sql: String, on connection: PostgresConnection) {
    self.sql = sql
    self.connection = connection
  }

  deinit { PQclear(result) }

  var isBusy: Bool { result.map { row < PQntuples($0) } ?? false }

  func bind(_ value: SQLValue, at index: Int) { parameters.bind(value, at: index) }

  func bind(keeping bytes: UnsafeRawBufferPointer, at index: Int) {
    parameters.bind(.blob(Array(bytes)), at: index)
  }

  func step() throws(StoreError) -> Bool {
    if result == nil {
      let found = try connection.run(sql, &digest, parameters)
      result = found
      changedRows = PostgresConnection.changedRows(found)
      row = -1
    }
    guard let result else { return false }
    row += 1
    return row < PQntuples(result)
  }

  func stepLater(_ check: @escaping RowCheck) throws(StoreError) {
    try connection.runLater(sql, &digest, parameters, check)
  }

  func rewind() {
    PQclear(result)
    result = nil
  }

  func reset() {
    rewind()
    parameters.removeAll()
  }

  func isNull(_ column: Int) -> Bool { PQgetisnull(result, row, Int32(column)) == 1 }

  func int(_ column: Int) -> Int {
    let bytes = bytes(column)
    switch bytes.count {
    case 0: return 0
    case 1: return Int(bytes[0])
    case 2: return Int(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
    case 4: return Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
    case 8 where PQftype(result, Int32(column)) != PostgresParameters.numeric:
      return Int(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
    default: return Self.whole(numeric: bytes)
    }
  }

  func bytes(_ column: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: PQgetvalue(result, row, Int32(column)), count: Int(PQgetlength(result, row, Int32(column))))
  }

  /// The whole part of a `numeric` in its binary form: a count of digits to the base 10,000, the weight of the first, a
  /// sign, a scale, and the digits, 16 bits each (`numeric_send` in PostgreSQL's numeric.c). Sums have this type.
  private static func whole(numeric bytes: UnsafeRawBufferPointer) -> Int {
    func word(_ place: Int) -> Int {
      guard bytes.count >= 2 * place + 2 else { return 0 }
      return Int(Int16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2 * place, as: Int16.self)))
    }
    let (digits, weight) = (word(0), word(1))
    guard weight >= 0 else { return 0 }
    var value = 0
    for place in 0...weight {
      let (shifted, isOver) = value.multipliedReportingOverflow(by: 10_000)
      let (sum, isSumOver) = shifted.addingReportingOverflow(place < digits ? word(4 + place) : 0)
      // Only a damaged row makes such a sum, and a damaged row is what `verify` is there for.
      if isOver || isSumOver { return word(2) == 0 ? .max : .min }
      value = sum
    }
    return word(2) == 0 ? value : -value
  }
}

/// The parameters of a statement as libpq takes them, all in binary form and with their types.
struct PostgresParameters {
  /// Of `pg_type`: the catalog's fixed numbers (pg_type.dat).
  private static let (int8, text, bytea): (Oid, Oid, Oid) = (20, 25, 17)
  /// The type of sums.
  static let numeric: Oid = 1700

  private struct Value {
    var type: Oid
    /// Where its bytes are; `nil` for NULL.
    var range: Range<Int>?
  }

  private var values: [Value] = []
  /// Begins with a byte that is nobody's: an empty value is not NULL, and needs a place.
  private var storage: [UInt8] = [0]

  /// The types, in order.
  var types: [Oid] { values.map(\.type) }

  mutating func bind(_ value: SQLValue, at index: Int) {
    while values.count < index { values.append(Value(type: Self.text)) }
    switch value {
    case .integer(let integer):
      values[index - 1] = Value(
        type: Self.int8, range: integer.map { append(withUnsafeBytes(of: $0.bigEndian) { Array($0) }) })
    case .text(let text):
      values[index - 1] = Value(type: Self.text, range: text.map { append($0.utf8) })
    case .blob(let bytes):
      values[index - 1] = Value(type: Self.bytea, range: bytes.map { append($0) })
    }
  }

  mutating func removeAll() {
    values.removeAll(keepingCapacity: true)
    storage.removeSubrange(1...)
  }

  private mutating func append(_ bytes: some Collection<UInt8>) -> Range<Int> {
    let start = storage.count
    storage += bytes
    return start..<storage.count
  }

  /// Hands them on as the arrays that libpq's calls have.
  func withPointers<T>(
    _ body: (
      _ count: Int32, _ types: [Oid], _ values: [UnsafePointer<CChar>?], _ lengths: [Int32],
      _ formats: [Int32]
    ) -> T
  ) -> T {
    storage.withUnsafeBytes { bytes in
      let start = bytes.bindMemory(to: CChar.self).baseAddress
      let pointers = values.map { value in
        value.range.flatMap { range in start.map { $0 + range.lowerBound } }
      }
      return body(
        Int32(values.count), types, pointers, values.map { Int32($0.range?.count ?? 0) },
        values.map { _ in 1 })
    }
  }
}
