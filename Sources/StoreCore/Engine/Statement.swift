package import BatchDomain

/// A prepared statement: bound, stepped and reset by its ``Connection``.
package final class Statement {
  private let cursor: any SQLCursor
  /// Whether somebody has it: handed out by ``Connection/prepare(_:)`` and not reset yet.
  package internal(set) var isInUse = false
  /// Whether a step failed since it was prepared.
  private(set) var hasFailed = false

  init(_ cursor: any SQLCursor) { self.cursor = cursor }

  /// Binds values to the parameters from the first on.
  func bind(_ values: [SQLValue]) throws(StoreError) {
    for index in values.indices { try cursor.bind(values[index], at: index + 1) }
  }

  /// Binds a value to one parameter, from 1.
  package func bind(_ value: SQLValue, at index: Int) throws(StoreError) { try cursor.bind(value, at: index) }

  /// Binds bytes or UTF-8 text, as the column has it, to one parameter, from 1, without copying them: they have to stay
  /// where they are until ``rewind()``.
  package func bind(keeping bytes: UnsafeRawBufferPointer, at index: Int) throws(StoreError) {
    try cursor.bind(keeping: bytes, at: index)
  }

  /// Goes to the next row.
  ///
  /// - Returns: whether there is one.
  package func step() throws(StoreError) -> Bool {
    do {
      return try cursor.step()
    } catch {
      hasFailed = true
      throw error
    }
  }

  /// Runs it, at the latest together with the next statement whose result is wanted.
  func stepLater(_ check: @escaping RowCheck) throws(StoreError) {
    do {
      try cursor.stepLater(check)
    } catch {
      hasFailed = true
      throw error
    }
  }

  /// Rows that the last run changed, triggers not counted.
  var changedRows: Int { cursor.changedRows }

  /// Whether it was stepped and neither came to its end nor was reset: it holds a transaction open.
  package var isBusy: Bool { cursor.isBusy }

  /// The engine's own statement.
  package var engineCursor: any SQLCursor { cursor }

  /// Makes it ready to be stepped again with new values for all of its parameters.
  package func rewind() { cursor.rewind() }

  /// Makes it ready for the next use and lets go of its read transaction.
  package func reset() {
    cursor.reset()
    isInUse = false
  }

  /// An integer column, from 0; NULL reads as 0.
  package func int(_ column: Int) -> Int { cursor.int(column) }

  /// An integer column, from 0.
  package func optionalInt(_ column: Int) -> Int? { isNull(column) ? nil : int(column) }

  /// A column of 0 and 1, from 0.
  package func flag(_ column: Int) -> Bool { int(column) != 0 }

  /// A text column, from 0; NULL reads as the empty text.
  package func text(_ column: Int) -> String { String(decoding: bytes(column), as: UTF8.self) }

  /// A text column, from 0.
  package func optionalText(_ column: Int) -> String? { isNull(column) ? nil : text(column) }

  /// The bytes of a text or blob column, from 0, valid until the next step or reset.
  package func bytes(_ column: Int) -> UnsafeRawBufferPointer { cursor.bytes(column) }

  /// Whether a column, from 0, is NULL.
  package func isNull(_ column: Int) -> Bool { cursor.isNull(column) }
}

/// The text of a statement as a key: told apart by all of it, hashed by its length alone, since the texts are long, few,
/// and looked up all the time.
struct StatementText: Hashable {
  private let sql: String

  /// The key of a text.
  init(_ sql: String) { self.sql = sql }

  func hash(into hasher: inout Hasher) { hasher.combine(sql.utf8.count) }
}
