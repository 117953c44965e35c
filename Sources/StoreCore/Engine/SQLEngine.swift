package import BatchDomain

/// A connection to an SQL engine. ``Connection`` adds what is the same for every engine.
///
/// Not Sendable: it belongs to the queue of the ``Database`` whose connection it is. Its calls may block.
package protocol SQLEngine: AnyObject {
  /// What the engine writes otherwise than others.
  var dialect: SQLDialect { get }
  /// Whether a transaction is open. An engine may end one by itself after some errors.
  var isInTransaction: Bool { get }

  /// Prepares a statement. Parameters are written `?` in their order, or `?1`, `?2`: one manner in one statement.
  func prepare(_ sql: String) throws(StoreError) -> any SQLCursor

  /// Runs statements that have no parameters and whose rows are of no interest.
  func execute(_ sql: String) throws(StoreError)

  /// What takes many rows for a table faster than one statement for each of them; `nil` where an engine has nothing faster.
  func bulkSink(into table: String, _ columns: [String]) -> (any BulkRowSink)?

  /// Whether statements wait that were to be run later (``SQLCursor/stepLater(_:)``).
  var hasWaitingStatements: Bool { get }

  /// Runs the statements that wait, and has what they changed looked at.
  func runWaiting() throws(StoreError)

  /// Lets go of statements that wait, some of which may have been run: their transaction is about to be undone.
  func forgetWaiting()

  /// Begins a transaction that writes.
  func begin(_ scope: ChangeScope) throws(StoreError)

  /// Ends the transaction that ``begin(_:)`` began; it is durable when this returns.
  ///
  /// - Throws: ``StoreError``; nothing of the transaction was made then.
  func commit() throws(StoreError)

  /// Whether the last ``commit()`` was confirmed as durable by an answer of its own. One that was not is made, and may be lost
  /// when the server fails.
  var wasConfirmed: Bool { get }

  /// How often a transaction is tried that others were in the way of.
  var triesPerTransaction: Int { get }

  /// Says whether commits have to be durable before they return, from the next transaction on. A durable one makes those
  /// before it durable, too.
  func setDurable(_ isDurable: Bool) throws(StoreError)

  /// Has the next transaction permit, or not, that savepoints are undone in it.
  func permitSavepoints(_ isPermitted: Bool) throws(StoreError)
}

/// Whom a transaction keeps off.
package enum ChangeScope: Sendable, Comparable {
  /// Nobody but those who change the same rows.
  case rows
  /// Every other transaction that writes: it changes what several runs have in common, or who owns a run.
  case store
}

extension SQLEngine {
  /// None waits where each is run at once.
  package var hasWaitingStatements: Bool { false }

  /// Nothing, where each is run at once.
  package func runWaiting() {}

  /// Nothing, where each is run at once.
  package func forgetWaiting() {}
}

/// A prepared statement of an engine, bound, stepped and reset by its ``Statement``.
package protocol SQLCursor: AnyObject {
  /// Whether it was stepped and neither came to its end nor was reset.
  var isBusy: Bool { get }
  /// Rows that the last run changed, triggers not counted.
  var changedRows: Int { get }

  /// Binds a value to one parameter, from 1.
  func bind(_ value: SQLValue, at index: Int) throws(StoreError)

  /// Binds bytes or UTF-8 text, as the column has it, to one parameter, from 1, without copying them: they have to stay
  /// where they are until ``rewind()``.
  func bind(keeping bytes: UnsafeRawBufferPointer, at index: Int) throws(StoreError)

  /// Goes to the next row.
  ///
  /// - Returns: whether there is one.
  func step() throws(StoreError) -> Bool

  /// Runs it now, or together with the next statement whose result is wanted: an engine that is far away is then asked once
  /// for several.
  ///
  /// - Parameter check: is given the number of rows that it changed, before the transaction is committed.
  func stepLater(_ check: @escaping RowCheck) throws(StoreError)

  /// Makes it ready to be stepped again with new values for all of its parameters.
  func rewind()

  /// Makes it ready for the next use and lets go of what it holds.
  func reset()

  /// Whether a column, from 0, is NULL.
  func isNull(_ column: Int) -> Bool

  /// An integer or truth column, from 0; NULL reads as 0.
  func int(_ column: Int) -> Int

  /// The bytes of a text or blob column, from 0, valid until the next step or reset.
  func bytes(_ column: Int) -> UnsafeRawBufferPointer
}

extension SQLCursor {
  /// Runs it now.
  package func stepLater(_ check: @escaping RowCheck) throws(StoreError) {
    while try step() {}
    try check(changedRows)
  }
}

/// Looks at the number of rows that a statement changed.
package typealias RowCheck = (Int) throws(StoreError) -> Void

/// What engines write differently, as fragments of statements.
package struct SQLDialect: Sendable {
  /// Whether one text or blob column has the bytes of a parameter in it.
  package var contains: @Sendable (_ column: String, _ parameter: String) -> String
  /// The greatest of some values, none of which is NULL.
  package var greatest: @Sendable (_ values: [String]) -> String
  /// The bytes of a text or blob column.
  package var byteCount: @Sendable (_ column: String) -> String
  /// A text member of a column that has a JSON object.
  package var jsonMember: @Sendable (_ column: String, _ name: String) -> String
  /// The texts of a parameter that is a JSON array, as a query of one column.
  package var jsonTexts: @Sendable (_ parameter: String) -> String
  /// Ends a query whose rows nobody else may change before this transaction is over.
  package var locking: String
  /// Begins a transaction that reads several things as they were at one moment.
  package var snapshot: String
  /// The moment by the database's clock, in milliseconds since 1970-01-01T00:00:00Z.
  package var now: String
  /// Begins a transaction of which it does not matter whether it survives the server.
  package var beginPassing: String

  /// A dialect in its parts.
  package init(
    contains: @escaping @Sendable (String, String) -> String,
    greatest: @escaping @Sendable ([String]) -> String, byteCount: @escaping @Sendable (String) -> String,
    jsonMember: @escaping @Sendable (String, String) -> String,
    jsonTexts: @escaping @Sendable (String) -> String, locking: String, snapshot: String, now: String,
    beginPassing: String
  ) {
    self.contains = contains
    self.greatest = greatest
    self.byteCount = byteCount
    self.jsonMember = jsonMember
    self.jsonTexts = jsonTexts
    self.locking = locking
    self.snapshot = snapshot
    self.now = now
    self.beginPassing = beginPassing
  }
}

/// A value bound to a statement's parameter; one without a value keeps its type, which some engines have to know.
package enum SQLValue: Sendable {
  /// An integer.
  case integer(Int64?)
  /// UTF-8 text.
  case text(String?)
  /// Bytes.
  case blob([UInt8]?)

  /// An integer.
  package static func integer(_ value: Int) -> SQLValue { .integer(Int64(value)) }

  /// An integer, or none.
  package static func integer(_ value: Int?) -> SQLValue { .integer(value.map { Int64($0) }) }

  /// 0 or 1.
  package static func flag(_ value: Bool) -> SQLValue { .integer(Int64(value ? 1 : 0)) }
}
