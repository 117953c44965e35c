import BatchDomain
import CPostgres
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
    beginPassing:
      "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL statement_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '5s'"
  )

  /// Whether the last COMMIT was confirmed by an answer of its own that came without a warning. A synchronous standby whose
  /// confirmation was not waited for is told by a warning, with success.
  private(set) var wasConfirmed = true

  /// The server ends one of two transactions that wait for each other, and one that waits too long (40001, 40P01, 55P03).
  let triesPerTransaction = 5

  let target: PostgresTarget
  let application: String
  let role: Role
  let preparing: Preparing
  /// Whether a pooler stands between: another process of the server works for this connection than it was told of.
  private(set) var isPooled = false
  private let notices = Notices()
  var handle: OpaquePointer?
  /// What is prepared on the connection, by the digest of its text.
  var prepared: [String: Prepared] = [:]
  /// Statements that were handed to libpq in pipeline mode, and whose results are still to be read; nothing else may be
  /// asked meanwhile (https://www.postgresql.org/docs/current/libpq-pipeline-mode.html).
  var waiting: [(sql: String, check: RowCheck)] = []
  private var isDurable = true
  /// The mark of the transaction that is under way, or was last.
  private var transaction: Int64 = 0
  private var isMarked = false
  /// When the server was looked at last.
  private var lookedAt = ContinuousClock.now
  /// How long a commit whose answer was lost is asked after.
  private let patience: Duration
  /// How long nothing may come from a server that is to answer; `nil` for as long as it takes.
  let silence: Silence?
  /// Why the last attempt to connect failed; `nil` if it did not.
  private(set) var refusal: ConnectFailure?
  /// Why the connection is of no use any more, once that was noticed while an answer was waited for.
  var reasonOfBreak: String?

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
    patience: Duration, silence: Silence?
  ) {
    self.target = target
    self.application = application
    self.role = role
    self.patience = patience
    self.silence = silence
    self.preparing = preparing
  }

  deinit { PQfinish(handle) }

  // MARK: Connecting

  /// The connection, made anew where it broke.
  func connected() throws(StoreError) -> OpaquePointer {
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
      let failure = PostgresFailure.ofConnecting(message, target: target)
      refusal = failure.cause
      throw failure.error
    }
    refusal = nil
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
    // What cannot be sent yet is kept, and sent while answers are read.
    PQsetnonblocking(made, 1)
    handle = made
    isMarked = false
    isPooled = false
    // A pooler answers for the server, and cannot know which process will work for this connection.
    let serving = try value("SELECT pg_backend_pid()")
    isPooled = serving != String(PQbackendPID(made))
    return made
  }

  func disconnect() {
    PQfinish(handle)
    handle = nil
    prepared = [:]
    waiting = []
    reasonOfBreak = nil
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

  private static let noting =
    "BEGIN; SET LOCAL synchronous_commit = local; SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '30s'"

  /// The number of the advisory lock that stands for the store, in each database: "orch" in ASCII.
  static let storeLock: Int64 = 0x6f72_6368

  /// Records the row that marks the transactions of this connection; of a new connection to what may be another server first
  /// looks whether that has all that was confirmed.
  ///
  /// A standby need not have it sooner than the first transaction that is marked in it, and gets it before that. So nothing
  /// here waits for a standby, nor for long for what an earlier connection has locked.
  private func makeMark(_ client: String, _ history: ServerHistory) throws(StoreError) {
    let found = try value("SELECT number FROM transaction_mark WHERE client = '\(client)'").flatMap(
      Int64.init)
    history.connected(to: try identity(), mark: found)
    if let server = history.server, !history.hasLostChanges {
      try run(
        """
        \(Self.noting); \
        UPDATE engine SET system_identifier = split_part('\(server)', '/', 1), \
          timeline = split_part('\(server)', '/', 2)::bigint \
        WHERE id = 1 AND (system_identifier || '/' || timeline) IS DISTINCT FROM '\(server)'; \
        UPDATE run SET server = '\(server)' WHERE worker = '\(client)' AND server IS DISTINCT FROM '\(server)'; \
        COMMIT
        """, operation: "note the server")
    }
    try run(
      """
      \(Self.noting); \
      INSERT INTO transaction_mark (client, number) VALUES ('\(client)', \(transaction))
      ON CONFLICT (client) DO UPDATE SET number = excluded.number; \
      COMMIT
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
  func value(_ sql: String) throws(StoreError) -> String? {
    let result = try checked(exec(sql, on: try connected()), operation: "look at the server")
    defer { PQclear(result) }
    guard PQntuples(result) > 0, PQgetisnull(result, 0, 0) == 0 else { return nil }
    return PQgetvalue(result, 0, 0).map { String(cString: $0) }
  }

  func commit() throws(StoreError) {
    let connection = try openTransaction()
    guard let result = exec("COMMIT", on: connection) else {
      return try findOut("no answer could be read")
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
    guard try lastMark(of: client, history) == transaction else {
      throw StoreError(.unreachable, "the connection broke before a change was committed: \(cause)")
    }
    if isDurable { history.confirmed(transaction) }
  }

  /// Asks for the mark until it is told: also a connection that comes about may break before it has an answer, as where a
  /// pooler answers for a server that is gone.
  private func lastMark(of client: String, _ history: ServerHistory) throws(StoreError) -> Int64? {
    let end = ContinuousClock.now + patience
    while true {
      do throws(StoreError) {
        return try markedTransaction(of: client, history)
      } catch {
        let mayPass = error.code == .unreachable || error.code == .locked
        disconnect()
        guard mayPass, ContinuousClock.now < end else {
          // Whether the change was made is not known: nothing may be built on either.
          throw StoreError(
            .inputOutput, "whether the last change was made cannot be found out: \(error.message)",
            remedy: "resume the run once the database can be reached again; nothing is lost")
        }
        usleep(200_000)
      }
    }
  }

  /// The next transaction makes its mark anew, and notes the server.
  ///
  /// - Returns: `nil` where the database has no mark of this process: then it lacks more than the last transaction.
  private func markedTransaction(of client: String, _ history: ServerHistory) throws(StoreError) -> Int64? {
    let connection = try connected()
    // Says that the row is there: nobody removes it while its owner lives.
    let found = exec(
      "BEGIN; SET LOCAL lock_timeout = '5s'; SELECT number FROM transaction_mark WHERE client = '\(client)' FOR UPDATE",
      on: connection)
    defer { if PQstatus(connection) == CONNECTION_OK { PQclear(exec("ROLLBACK", on: connection)) } }
    let result = try checked(found, operation: "find out what became of a change")
    defer { PQclear(result) }
    let number = PQntuples(result) > 0 ? Int64(String(cString: PQgetvalue(result, 0, 0))) : nil
    history.connected(to: try identity(), mark: number)
    return number
  }

  func setDurable(_ isDurable: Bool) { self.isDurable = isDurable }

  func permitSavepoints(_ isPermitted: Bool) {}
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
