import BatchDomain
import CPostgres
import Crypto
import Foundation
import StoreCore

/// A connection to PostgreSQL over libpq. Its calls block.
///
/// A connection that broke is made anew at the next use; a transaction that was open is lost then. Where the answer to a
/// COMMIT was lost, the mark of the transaction tells what became of it.
final class PostgresConnection: SQLEngine {
  /// How this connection takes part in changes.
  enum Role {
    /// It writes, and its transactions are marked with this name, which nobody else ever had; its history is watched.
    case writer(client: String, history: ServerHistory)
    /// It only reads.
    case reader
  }

  let dialect = SQLDialect(
    contains: { "position(\($1) in \($0)) > 0" },
    greatest: { "greatest(\($0.joined(separator: ", ")))" },
    byteCount: { "octet_length(\($0))" },
    jsonMember: { "(\($0)::jsonb ->> '\($1)')" },
    jsonTexts: { "SELECT jsonb_array_elements_text((\($0))::jsonb)" },
    locking: " FOR NO KEY UPDATE",
    snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    now: "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    beginPassing: "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL statement_timeout = '5s'")

  /// Whether the last COMMIT was confirmed by an answer of its own that came without a warning. A synchronous standby whose
  /// confirmation was not waited for is told by a warning, with success.
  private(set) var wasConfirmed = true

  /// The server ends one of two transactions that wait for each other, and one that waits too long (40001, 40P01, 55P03).
  let triesPerTransaction = 5

  private let target: PostgresTarget
  private let application: String
  private let role: Role
  private let preparing: Preparing
  /// Whether a pooler stands between: another process of the server works for this connection than it was told of.
  private(set) var isPooled = false
  private let notices = Notices()
  private var handle: OpaquePointer?
  /// Counts the connections that were made: statements are prepared for one of them.
  private var generation = 0
  private var isDurable = true
  /// The mark of the transaction that is under way, or was last.
  private var transaction: Int64 = 0
  private var isMarked = false
  /// When the server was looked at last.
  private var lookedAt = ContinuousClock.now
  /// How long a commit whose answer was lost is asked after.
  private let patience: Duration

  /// Whether statements are prepared, which saves the server a third of its work.
  enum Preparing: Sendable {
    case always
    /// Not through a pooler: its next transaction may run in a process of the server that does not have the statement.
    case withoutPooler
    case never
  }

  /// How often the server behind a connection that stays is looked at: a pooler may have gone to another one.
  private static let lookInterval: Duration = .seconds(10)

  /// What the server says beside its answers.
  private final class Notices {
    var hasWarning = false
  }

  /// A connection that is made at its first use.
  init(
    _ target: PostgresTarget, application: String, role: Role, preparing: Preparing = .withoutPooler,
    patience: Duration
  ) {
    self.target = target
    self.application = application
    self.role = role
    self.patience = patience
    self.preparing = preparing
  }

  deinit { PQfinish(handle) }

  // MARK: Connecting

  /// The connection, made anew where it broke.
  private func connected() throws(StoreError) -> OpaquePointer {
    if let handle, PQstatus(handle) == CONNECTION_OK { return handle }
    disconnect()
    let parameters = target.parameters(application: application)
    let made = CStrings.with(parameters.map(\.keyword)) { keywords in
      CStrings.with(parameters.map(\.value)) { values in PQconnectdbParams(keywords, values, 0) }
    }
    guard let made else { throw StoreError(.inputOutput, "libpq has no memory for a connection") }
    guard PQstatus(made) == CONNECTION_OK else {
      let message = String(cString: PQerrorMessage(made))
      PQfinish(made)
      throw PostgresFailure.error(nil, message, operation: "connect", target: target)
    }
    PQsetNoticeReceiver(
      made,
      { context, result in
        guard let context, let result else { return }
        let notices = Unmanaged<Notices>.fromOpaque(context).takeUnretainedValue()
        // 00000 is a notice, 01 the class of warnings.
        if cpostgres_sqlstate(result).map({ String(cString: $0).hasPrefix("01") }) ?? false {
          notices.hasWarning = true
        }
      }, Unmanaged.passUnretained(notices).toOpaque())
    handle = made
    generation += 1
    isMarked = false
    isPooled = false
    // A pooler answers for the server, and cannot know which process will work for this connection.
    let serving = try value("SELECT pg_backend_pid()")
    isPooled = serving != String(PQbackendPID(made))
    return made
  }

  private func disconnect() {
    PQfinish(handle)
    handle = nil
  }

  var isInTransaction: Bool {
    guard let handle, PQstatus(handle) == CONNECTION_OK else { return false }
    return [PQTRANS_INTRANS, PQTRANS_INERROR, PQTRANS_ACTIVE].contains(PQtransactionStatus(handle))
  }

  // MARK: Transactions

  /// Everything that the safety of a transaction needs is said in it: settings of a session do not survive a pooler.
  func begin(_ scope: ChangeScope) throws(StoreError) {
    guard case .writer(let client, let history) = role else {
      throw StoreError(.internal, "a connection for reading was asked to change something")
    }
    // A connection that broke is made anew here, and then has no mark.
    _ = try connected()
    if isPooled, ContinuousClock.now - lookedAt > Self.lookInterval { isMarked = false }
    if !isMarked { try makeMark(client, history) }
    if try open(scope, client, history) { return }
    // A pooler went to another server, and that lacks what was confirmed; the look that follows says so.
    try run("ROLLBACK", operation: "end a transaction")
    try makeMark(client, history)
    guard try open(scope, client, history) else {
      throw StoreError(.internal, "the mark of a connection is gone that was just made")
    }
  }

  /// Begins a transaction with its mark.
  ///
  /// - Returns: `false` where the database lacks what it confirmed to this process.
  private func open(
    _ scope: ChangeScope, _ client: String, _ history: ServerHistory
  ) throws(StoreError) -> Bool {
    transaction += 1
    notices.hasWarning = false
    wasConfirmed = true
    let lock = scope == .store ? "pg_advisory_xact_lock" : "pg_advisory_xact_lock_shared"
    return try run(
      """
      BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = \(isDurable ? "on" : "off"); \
      SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '30s'; \
      SET LOCAL idle_in_transaction_session_timeout = '10s'; \
      SELECT \(lock)(\(Self.storeLock)); \
      UPDATE transaction_mark SET number = \(transaction) WHERE client = '\(client)' AND number >= \(history.lastConfirmed)
      """, operation: "begin a transaction") == 1
  }

  /// The number of the advisory lock that stands for the store, in each database: "orch" in ASCII.
  static let storeLock: Int64 = 0x6f72_6368

  /// Records the row that marks the transactions of this connection, durably; of a new connection to what may be another
  /// server first looks whether that has all that was confirmed.
  private func makeMark(_ client: String, _ history: ServerHistory) throws(StoreError) {
    let found = try value("SELECT number FROM transaction_mark WHERE client = '\(client)'").flatMap(
      Int64.init)
    history.connected(to: try identity(), mark: found)
    if let server = history.server, !history.hasLostChanges {
      try run(
        """
        UPDATE engine SET system_identifier = split_part('\(server)', '/', 1), \
          timeline = split_part('\(server)', '/', 2)::bigint \
        WHERE id = 1 AND (system_identifier || '/' || timeline) IS DISTINCT FROM '\(server)'; \
        UPDATE run SET server = '\(server)' WHERE worker = '\(client)' AND server IS DISTINCT FROM '\(server)'
        """, operation: "note the server")
    }
    try run(
      """
      INSERT INTO transaction_mark (client, number) VALUES ('\(client)', \(transaction))
      ON CONFLICT (client) DO UPDATE SET number = excluded.number
      """, operation: "make the mark of a connection")
    isMarked = true
    lookedAt = .now
  }

  /// The server and its timeline, as `IDENTIFIER/TIMELINE`; `nil` where it does not tell.
  ///
  /// A promotion begins another timeline, and so does a restore to a point in time; the first eight digits of the name of the
  /// log's present file are its number (https://www.postgresql.org/docs/current/continuous-archiving.html).
  private func identity() throws(StoreError) -> String? {
    do throws(StoreError) {
      return try value(
        """
        SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' \
          || ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
        """)
    } catch {
      // A hosted server may keep these functions to itself; what this process was confirmed is still watched.
      guard error.code == .unavailable || error.code == .internal else { throw error }
      return nil
    }
  }

  /// The first column of the first row of a query, as text.
  private func value(_ sql: String) throws(StoreError) -> String? {
    let connection = try connected()
    guard let result = PQexec(connection, sql) else {
      throw StoreError(.inputOutput, "libpq has no memory for an answer")
    }
    defer { PQclear(result) }
    guard PQresultStatus(result) == PGRES_TUPLES_OK else {
      throw failure(of: result, operation: "look at the server")
    }
    guard PQntuples(result) > 0, PQgetisnull(result, 0, 0) == 0 else { return nil }
    return PQgetvalue(result, 0, 0).map { String(cString: $0) }
  }

  func commit() throws(StoreError) {
    let connection = try openTransaction()
    guard let result = PQexec(connection, "COMMIT") else {
      return try findOut("libpq has no memory for an answer")
    }
    defer { PQclear(result) }
    guard PQresultStatus(result) == PGRES_COMMAND_OK else {
      let failure = failure(of: result, operation: "commit")
      guard PQstatus(connection) == CONNECTION_OK else { return try findOut(failure.message) }
      throw failure
    }
    // A transaction in which something failed is answered in this way, as a success.
    guard String(cString: PQcmdStatus(result)) == "COMMIT" else {
      throw StoreError(.internal, "a transaction was undone by the server instead of committed")
    }
    wasConfirmed = !notices.hasWarning
    // One that came with a warning is built upon, too: where it is lost later, that has to be seen.
    if isDurable, case .writer(_, let history) = role { history.confirmed(transaction) }
  }

  /// The answer to a COMMIT did not come: asks another connection for the mark, which the old transaction has locked for as
  /// long as it is open. Nothing else is changed before that is known.
  private func findOut(_ cause: String) throws(StoreError) {
    guard case .writer(let client, let history) = role else { return }
    wasConfirmed = false
    disconnect()
    let end = ContinuousClock.now + patience
    while true {
      do throws(StoreError) {
        let found = try markedTransaction(of: client, history)
        guard found == transaction else {
          throw StoreError(.unreachable, "the connection broke before a change was committed: \(cause)")
        }
        if isDurable { history.confirmed(transaction) }
        return
      } catch {
        let mayPass = error.code == .unreachable || error.code == .locked
        guard mayPass, handle == nil || error.code == .locked else { throw error }
        guard ContinuousClock.now < end else {
          // Whether the change was made is not known: nothing may be built on either.
          throw StoreError(
            .inputOutput, "whether the last change was made cannot be found out: \(error.message)",
            remedy: "resume the run once the database can be reached again; nothing is lost")
        }
        usleep(200_000)
      }
    }
  }

  private func markedTransaction(of client: String, _ history: ServerHistory) throws(StoreError) -> Int64 {
    let connection = try connected()
    // Says that the row is there: nobody removes it while its owner lives.
    guard
      let result = PQexec(
        connection,
        "BEGIN; SET LOCAL lock_timeout = '5s'; SELECT number FROM transaction_mark WHERE client = '\(client)' FOR UPDATE"
      )
    else { throw StoreError(.inputOutput, "libpq has no memory for an answer") }
    defer {
      PQclear(result)
      PQclear(PQexec(connection, "ROLLBACK"))
    }
    guard PQresultStatus(result) == PGRES_TUPLES_OK, PQntuples(result) == 1,
      let number = Int64(String(cString: PQgetvalue(result, 0, 0)))
    else { throw failure(of: result, operation: "find out what became of a change") }
    isMarked = true
    history.connected(to: try identity(), mark: number)
    return number
  }

  func setDurable(_ isDurable: Bool) { self.isDurable = isDurable }

  func permitSavepoints(_ isPermitted: Bool) {}

  // MARK: Statements

  func prepare(_ sql: String) throws(StoreError) -> any SQLCursor {
    PostgresCursor(PostgresText.translate(sql), on: self)
  }

  func execute(_ sql: String) throws(StoreError) { try run(sql, operation: "run a statement") }

  /// - Returns: how many rows the last of them changed or found.
  @discardableResult
  private func run(_ sql: String, operation: String) throws(StoreError) -> Int {
    let connection = try connected()
    guard let result = PQexec(connection, sql) else {
      throw StoreError(.inputOutput, "libpq has no memory for an answer")
    }
    defer { PQclear(result) }
    let status = PQresultStatus(result)
    guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY else {
      throw failure(of: result, operation: operation)
    }
    return PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
  }

  /// The connection of a transaction, which must not be made anew.
  private func openTransaction() throws(StoreError) -> OpaquePointer {
    guard let handle, PQstatus(handle) == CONNECTION_OK else {
      throw StoreError(.unreachable, "the connection to \(target.shown) broke during a change")
    }
    return handle
  }

  /// Runs a statement with its parameters.
  ///
  /// - Parameter statement: its name and the connection that it is prepared for; made where it is not.
  func run(
    _ sql: String, _ statement: inout (name: String, generation: Int)?, _ parameters: PostgresParameters
  ) throws(StoreError) -> OpaquePointer {
    let connection = try connected()
    let isAlone = PQtransactionStatus(connection) == PQTRANS_IDLE
    do throws(StoreError) {
      return try run(sql, &statement, parameters, on: connection)
    } catch {
      // A connection that broke since its last use is noticed only now; a read that stands alone can be made again.
      guard case .reader = role, isAlone, PQstatus(connection) != CONNECTION_OK else { throw error }
      return try run(sql, &statement, parameters, on: try connected())
    }
  }

  private func run(
    _ sql: String, _ statement: inout (name: String, generation: Int)?, _ parameters: PostgresParameters,
    on connection: OpaquePointer
  ) throws(StoreError) -> OpaquePointer {
    guard preparing == .always || preparing == .withoutPooler && !isPooled else {
      return try checked(
        parameters.withPointers { PQexecParams(connection, sql, $0, $1, $2, $3, $4, 1) }, sql)
    }
    let known: String
    if let statement, statement.generation == generation {
      known = statement.name
    } else {
      let types = parameters.types
      known = Self.name(of: sql, types)
      PQclear(try checked(PQprepare(connection, known, sql, Int32(types.count), types), sql))
      statement = (known, generation)
    }
    return try checked(
      parameters.withPointers { count, _, values, lengths, formats in
        PQexecPrepared(connection, known, count, values, lengths, formats, 1)
      }, sql)
  }

  private func checked(_ result: OpaquePointer?, _ sql: String) throws(StoreError) -> OpaquePointer {
    guard let result else { throw StoreError(.inputOutput, "libpq has no memory for an answer") }
    let status = PQresultStatus(result)
    guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else {
      defer { PQclear(result) }
      throw failure(of: result, operation: "run \(Self.name(of: sql))")
    }
    return result
  }

  /// The name of a prepared statement says all of it: where a pooler hands a connection on with what another process prepared,
  /// the same name is never another statement.
  private static func name(of sql: String, _ types: [Oid]) -> String {
    let digest = SHA256.hash(data: Data("\(types) \(sql)".utf8))
    return "o" + digest.prefix(16).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  /// The first words of a statement: enough to name it, and never a value.
  private static func name(of sql: String) -> String {
    sql.split(maxSplits: 3) { $0 == " " || $0 == "\n" }.prefix(3).joined(separator: " ")
  }

  private func failure(of result: OpaquePointer, operation: String) -> StoreError {
    let state = cpostgres_sqlstate(result).map { String(cString: $0) }
    let message =
      cpostgres_message(result).map { String(cString: $0) } ?? handle.map {
        String(cString: PQerrorMessage($0))
      } ?? ""
    return PostgresFailure.error(state, message, operation: operation, target: target)
  }
}

/// A statement of a ``PostgresConnection``, and the rows of its last run.
final class PostgresCursor: SQLCursor {
  private let sql: String
  private unowned let connection: PostgresConnection
  private var statement: (name: String, generation: Int)?
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
      let found = try connection.run(sql, &statement, parameters)
      result = found
      changedRows = PQcmdTuples(found).flatMap { Int(String(cString: $0)) } ?? 0
      row = -1
    }
    guard let result else { return false }
    row += 1
    return row < PQntuples(result)
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
    for place in 0...weight { value = value * 10_000 + (place < digits ? word(4 + place) : 0) }
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

/// Arrays of C's strings.
enum CStrings {
  /// Hands strings on as an array that ends with a null pointer.
  static func with<T>(_ strings: [String], _ body: ([UnsafePointer<CChar>?]) -> T) -> T {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies.map { $0.map { UnsafePointer($0) } } + [nil])
  }
}
