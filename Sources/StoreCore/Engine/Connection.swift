package import BatchDomain

/// One connection to an engine with its prepared statements.
///
/// Not Sendable: it belongs to the queue of the ``Database`` that opened it.
package final class Connection {
  /// What speaks to the engine.
  package let engine: any SQLEngine

  /// Counts the transactions of ``begin(_:)``: in one of them, nothing changes but by this connection, as far as its scope
  /// keeps others off.
  private(set) var transaction = 0
  /// Counts changes of what several runs have in common, and changes that were undone: what was read before one of them
  /// may not be true any more.
  private(set) var revision = 0

  /// How long the last commits took that intents were in.
  var lateness = Lateness()

  /// Whether ``runLater(_:_:check:)`` may put statements off. Not where each change is undone alone: what fails has to fail
  /// within its change.
  var mayRunLater = false

  private var conclusions: [(Connection) throws -> Void] = []
  private var notes: [(Connection) -> Void] = []
  private var statements: [StatementText: Statement] = [:]
  /// Statements that were run.
  private(set) var statementsRun = 0

  /// A connection with nothing prepared.
  package init(_ engine: any SQLEngine) { self.engine = engine }

  deinit {
    assert(!hasBusyStatement, "a connection is closed while one of its statements is in use")
    // Statements go first; one that is left open would keep the engine's connection open.
    statements.removeAll()
  }

  /// What the engine writes otherwise than others.
  package var dialect: SQLDialect { engine.dialect }

  /// Whether a transaction is open.
  package var isInTransaction: Bool { engine.isInTransaction }

  /// Begins a transaction that writes.
  package func begin(_ scope: ChangeScope = .rows) throws(StoreError) {
    transaction += 1
    conclusions = []
    notes = []
    statementsRun += 1
    try engine.begin(scope)
  }

  /// Notes that what was read in this transaction may not be true any more.
  package func revise() { revision += 1 }

  /// Has something done at the end of the transaction that is under way, once all of its changes are made.
  package func beforeCommit(_ conclusion: @escaping (Connection) throws -> Void) {
    conclusions.append(conclusion)
  }

  /// Has something noted as soon as the transaction that is under way is known to be on disk.
  package func afterCommit(_ note: @escaping (Connection) -> Void) { notes.append(note) }

  /// Makes the last changes of the transaction that is under way, and sees that all of them were made as they should.
  func conclude() throws {
    for conclusion in conclusions { try conclusion(self) }
    conclusions = []
    try engine.runWaiting()
  }

  /// Undoes the transaction that is under way.
  func rollBack() throws(StoreError) {
    engine.forgetWaiting()
    try run("ROLLBACK")
  }

  /// Ends the transaction that ``begin(_:)`` began.
  package func commit() throws {
    try conclude()
    statementsRun += 1
    try engine.commit()
    for note in notes { note(self) }
    notes = []
  }

  /// Runs statements that have no parameters and whose rows are of no interest.
  package func execute(_ sql: String) throws(StoreError) { try engine.execute(sql) }

  /// Runs one statement to its end.
  ///
  /// - Returns: how many rows it changed, triggers not counted.
  @discardableResult
  package func run(_ sql: String, _ values: SQLValue...) throws(StoreError) -> Int {
    let statement = try prepare(sql)
    defer { statement.reset() }
    try statement.bind(values)
    while try statement.step() {}
    return statement.changedRows
  }

  /// Runs one statement, of which nothing is to be known now: at the latest together with the next one whose result is
  /// wanted, and before the transaction is committed.
  ///
  /// - Parameter check: looks at the number of rows that it changed, triggers not counted. What it throws may be thrown by
  ///   a later call, and undoes the transaction.
  package func runLater(
    _ sql: String, _ values: SQLValue..., check: @escaping RowCheck = { _ in }
  ) throws(StoreError) {
    let statement = try prepare(sql)
    defer { statement.reset() }
    try statement.bind(values)
    if mayRunLater { return try statement.stepLater(check) }
    while try statement.step() {}
    try check(statement.changedRows)
  }

  /// Adds many rows to a table in the transaction that is under way, in the fastest way that the engine has.
  ///
  /// Where the engine has one of its own, the rows are in memory until the last one was put, so that the caller bounds
  /// how many they are; and they are not in the table before this returns.
  ///
  /// - Parameters:
  ///   - columns: the columns that are put; others have their defaults.
  ///   - rows: puts the rows.
  /// - Throws: ``StoreError``, and what `rows` throws.
  package func insert(into table: String, _ columns: [String], rows: (any RowSink) throws -> Void) throws {
    if let sink = engine.bulkSink(into: table, columns) {
      statementsRun += 1
      try rows(sink)
      return try sink.finish()
    }
    let places = columns.map { _ in "?" }.joined(separator: ", ")
    let statement = try prepare(
      "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(places))")
    defer { statement.reset() }
    try rows(StatementSink(statement))
  }

  /// Reads the rows of a query in order.
  package func rows<T>(
    _ sql: String, _ values: SQLValue..., read: (Statement) throws -> T
  ) throws -> [T] {
    let statement = try prepare(sql)
    defer { statement.reset() }
    try statement.bind(values)
    var result: [T] = []
    while try statement.step() { result.append(try read(statement)) }
    return result
  }

  /// Looks at the rows of a query in order.
  package func forEach(_ sql: String, _ values: SQLValue..., look: (Statement) throws -> Void) throws {
    let statement = try prepare(sql)
    defer { statement.reset() }
    try statement.bind(values)
    while try statement.step() { try look(statement) }
  }

  /// Reads the first row of a query; `nil` when it has none.
  package func first<T>(
    _ sql: String, _ values: SQLValue..., read: (Statement) throws -> T
  ) throws -> T? {
    let statement = try prepare(sql)
    defer { statement.reset() }
    try statement.bind(values)
    return try statement.step() ? try read(statement) : nil
  }

  /// The prepared statement of a text, made once per connection; the caller resets it in the end.
  ///
  /// One that is still in use, further out, gets a companion for this use: stepped by two, it would show either the
  /// rows of the other. One that failed is made anew.
  package func prepare(_ sql: String) throws(StoreError) -> Statement {
    statementsRun += 1
    let key = StatementText(sql)
    let kept = statements[key]
    if let kept, !kept.isInUse, !kept.hasFailed {
      kept.isInUse = true
      return kept
    }
    let statement = Statement(try engine.prepare(sql))
    statement.isInUse = true
    if kept?.isInUse != true { statements[key] = statement }
    return statement
  }

  /// Whether a statement was stepped and not reset.
  package var hasBusyStatement: Bool { statements.values.contains { $0.isBusy } }

  /// The engine's statements that were kept.
  package var keptCursors: [any SQLCursor] { statements.values.map(\.engineCursor) }
}
