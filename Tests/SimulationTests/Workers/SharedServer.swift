import BatchDomain
import CSQLite
import NIOConcurrencyHelpers
import StoreCore
import TestSupport

@testable import RunStore

/// The database server of a world with several machines: SQLite's engine over one file in memory, with the clock, the marks
/// and the identity of a server, and a line to each process that can be cut.
///
/// A transaction is made at one moment, so what two of them do to each other while both are open is not played here: the
/// tests on a real server have that.
final class SharedServer: Sendable {
  /// The tables of the schema on PostgreSQL that the one of SQLite does not have.
  static let tables = """
    CREATE TABLE worker (
      id TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, boot_id TEXT NOT NULL, namespace TEXT NOT NULL,
      version TEXT NOT NULL, started_at INTEGER NOT NULL, beat INTEGER NOT NULL DEFAULT 0, beat_at INTEGER NOT NULL,
      in_flight INTEGER NOT NULL DEFAULT 0, left_at INTEGER, lost_at INTEGER);
    CREATE TABLE late_word (
      run INTEGER NOT NULL, chunk INTEGER NOT NULL, attempt INTEGER NOT NULL, said_at INTEGER NOT NULL,
      finished_at INTEGER NOT NULL, took_ms INTEGER NOT NULL, outcome TEXT NOT NULL, status INTEGER, code TEXT,
      message TEXT, external_id TEXT, event TEXT NOT NULL, next_step TEXT, media_ms INTEGER, counted INTEGER NOT NULL,
      in_outage INTEGER NOT NULL, ready_at INTEGER, items INTEGER NOT NULL, step TEXT NOT NULL,
      url_ends_at INTEGER, PRIMARY KEY (run, chunk, attempt));
    CREATE TABLE simulated_word (outcome TEXT NOT NULL, state TEXT NOT NULL);
    CREATE TRIGGER simulated_late_word AFTER INSERT ON late_word BEGIN
      INSERT INTO simulated_word (outcome, state)
      SELECT new.outcome, state FROM chunk WHERE run = new.run AND number = new.chunk;
    END;
    CREATE TABLE known_lock (id INTEGER PRIMARY KEY CHECK (id = 1), worker TEXT);
    INSERT INTO known_lock (id, worker) VALUES (1, NULL);
    ALTER TABLE run ADD COLUMN worker TEXT;
    ALTER TABLE run ADD COLUMN server TEXT;
    ALTER TABLE run ADD COLUMN inherited_from TEXT;
    ALTER TABLE run ADD COLUMN inherited_until INTEGER;
    """

  private struct State {
    /// The last transaction of each client.
    var marks: [String: Int64] = [:]
    var timeline = 1
    /// Until when the line to a process is cut.
    var cuts: [Int: Duration] = [:]
    /// Until when nobody reaches the server.
    var downUntil: Duration = .zero
    /// Counts the times that the server broke all of its connections.
    var restarts = 0
    /// What a standby that is behind has: its marks; its tables are in a file.
    var standby: [String: Int64]?
  }

  let path: String
  private let timeline: Timeline
  private let state = NIOLockedValueBox(State())

  init(path: String, timeline: Timeline) {
    self.path = path
    self.timeline = timeline
  }

  /// What the server's clock shows, in milliseconds.
  var now: Int64 { timeline.now.milliseconds }
  /// The server and its timeline.
  var identity: String { state.withLockedValue { "simulated/\($0.timeline)" } }
  var restarts: Int { state.withLockedValue { $0.restarts } }
  /// Whether another server took over that lacks changes.
  var hasFailedOver: Bool { state.withLockedValue { $0.timeline > 1 } }

  /// Whether a process reaches it.
  func isReached(by process: Int) -> Bool {
    state.withLockedValue { state in
      state.downUntil <= timeline.elapsed && state.cuts[process, default: .zero] <= timeline.elapsed
    }
  }

  /// Cuts the line to a process for a while.
  func cut(_ process: Int, for duration: Duration) {
    state.withLockedValue { state in
      state.cuts[process] = max(state.cuts[process, default: .zero], timeline.elapsed + duration)
    }
  }

  /// Ends every connection, and is back after a while.
  func restart(backAfter duration: Duration) {
    state.withLockedValue { state in
      state.restarts += 1
      state.downUntil = timeline.elapsed + duration
    }
  }

  func mark(of client: String) -> Int64? { state.withLockedValue { $0.marks[client] } }

  func mark(_ transaction: Int64, of client: String) {
    state.withLockedValue { $0.marks[client] = transaction }
  }

  // MARK: A standby that is behind

  /// From now on a standby has what there is at this moment.
  func fallBehind() throws {
    try Self.copy(path, to: path + "-standby")
    state.withLockedValue { $0.standby = $0.marks }
  }

  /// The standby takes over: what was changed since it fell behind is gone.
  ///
  /// - Returns: whether there is one.
  func failOver(backAfter duration: Duration) throws -> Bool {
    guard let marks = state.withLockedValue({ $0.standby }) else { return false }
    try Self.copy(path + "-standby", to: path)
    state.withLockedValue { state in
      state.marks = marks
      state.standby = nil
      state.timeline += 1
      state.restarts += 1
      state.downUntil = timeline.elapsed + duration
    }
    return true
  }

  /// Copies a database over another one (https://sqlite.org/backup.html): connections to either stay open.
  private static func copy(_ source: String, to target: String) throws {
    var handles: [OpaquePointer] = []
    defer { for handle in handles { sqlite3_close_v2(handle) } }
    for path in [source, target] {
      var opened: OpaquePointer?
      guard
        sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil) == SQLITE_OK,
        let opened
      else { throw Records.Failure(message: "\(path) cannot be opened") }
      handles.append(opened)
    }
    guard let backup = sqlite3_backup_init(handles[1], "main", handles[0], "main") else {
      throw Records.Failure(message: "\(source) cannot be copied")
    }
    _ = sqlite3_backup_step(backup, -1)
    guard sqlite3_backup_finish(backup) == SQLITE_OK else {
      throw Records.Failure(message: "\(source) was not copied")
    }
  }

  // MARK: Looks from outside

  /// The state of a chunk and the code of its last attempt.
  func chunk(_ number: ChunkNumber) throws -> (state: String, code: String?) {
    let connection = try Connection(path: path, mode: .readOnly, busyTimeout: .zero)
    let found = try connection.first(
      """
      SELECT c.state, (SELECT code FROM attempt AS a WHERE a.run = c.run AND a.chunk = c.number
                       ORDER BY number DESC LIMIT 1)
      FROM chunk AS c WHERE c.number = ?
      """, .integer(number.rawValue)
    ) { ($0.text(0), $0.optionalText(1)) }
    return found ?? ("gone", nil)
  }

  /// What processes said of their requests after their run was taken from them, and how the chunks stood.
  func lateWords() throws -> [String: Int] {
    let connection = try Connection(path: path, mode: .readOnly, busyTimeout: .zero)
    let words = try connection.rows("SELECT outcome, state, count(*) FROM simulated_word GROUP BY 1, 2") {
      ("\($0.text(0)) while \($0.text(1))", $0.int(2))
    }
    return Dictionary(words) { $0 + $1 }
  }

  /// The state of the run; `nil` before there is one.
  func runState() throws -> RunState? {
    let connection = try Connection(path: path, mode: .readOnly, busyTimeout: .zero)
    return try connection.first("SELECT state FROM run") { RunState(rawValue: $0.text(0)) }.flatMap { $0 }
  }
}

/// A connection of a process to the server.
final class ServerConnection: SQLEngine {
  /// Who opened it: a client that writes and has a mark, or one that only reads and beats.
  enum Role {
    case writer(client: String, history: ServerHistory)
    case reader
  }

  private let base: any SQLEngine
  private let server: SharedServer
  private let process: WorkerProcess
  private let role: Role
  private var transaction: Int64 = 0
  /// The restart of the server since which it is open; `nil` while it is broken.
  private var openSince: Int?
  private(set) var wasConfirmed = true

  init(to server: SharedServer, of process: WorkerProcess, role: Role) throws {
    base = try Connection(path: server.path, mode: .readWrite, busyTimeout: .zero).engine
    self.server = server
    self.process = process
    self.role = role
  }

  var dialect: SQLDialect {
    var dialect = base.dialect
    dialect.now = "\(server.now)"
    return dialect
  }
  var isInTransaction: Bool { base.isInTransaction }
  var triesPerTransaction: Int { base.triesPerTransaction }

  func prepare(_ sql: String) throws(StoreError) -> any SQLCursor {
    ServerCursor(try base.prepare(sql), on: self)
  }

  func execute(_ sql: String) throws(StoreError) {
    try reach()
    try base.execute(sql)
  }

  func setDurable(_ isDurable: Bool) throws(StoreError) { try base.setDurable(isDurable) }

  func permitSavepoints(_ isPermitted: Bool) throws(StoreError) { try base.permitSavepoints(isPermitted) }

  func bulkSink(into table: String, _ columns: [String]) -> (any BulkRowSink)? { nil }

  func begin(_ scope: ChangeScope) throws(StoreError) {
    try reach()
    transaction += 1
    wasConfirmed = true
    try base.begin(scope)
  }

  func commit() throws(StoreError) {
    let fate = process.world.fateOfCommit(process)
    if process.isDead || fate == .diesBefore {
      try base.execute("ROLLBACK")
      process.die("before a commit")
      throw SimulatedProcess.death
    }
    if case .breaks(wasMade: false, let duration) = fate {
      try base.execute("ROLLBACK")
      return try findOut(after: duration)
    }
    try base.commit()
    if case .writer(let client, _) = role { server.mark(transaction, of: client) }
    switch fate {
    case .diesAfter:
      process.die("after a commit")
      throw SimulatedProcess.death
    case .breaks(_, let duration): return try findOut(after: duration)
    case .slow(let duration):
      process.note("waits \(duration.inMilliseconds) for a commit")
      let end = process.world.timeline.elapsed + duration
      let restarts = server.restarts
      process.world.wait { [process, server] in
        process.isDead || server.restarts > restarts
          || process.world.timeline.elapsed >= end && !process.isStopped
      }
      if process.isDead { throw SimulatedProcess.death }
      guard server.restarts == restarts else { return try findOut(after: .zero) }
    case .warned:
      process.note("is warned by a commit")
      wasConfirmed = false
    case .confirmed, .diesBefore: break
    }
    if case .writer(_, let history) = role { history.confirmed(transaction) }
  }

  /// The answer to a commit did not come: finds out what became of it as soon as the server is reached again.
  private func findOut(after duration: Duration) throws(StoreError) {
    guard case .writer(let client, let history) = role else { throw lost }
    process.note("loses the answer to a commit")
    wasConfirmed = false
    openSince = nil
    server.cut(process.number, for: duration)
    let end = process.world.timeline.elapsed + WorkerWorld.storePatience
    process.world.wait { [process, server] in
      process.isDead
        || !process.isStopped
          && (server.isReached(by: process.number) || process.world.timeline.elapsed >= end)
    }
    if process.isDead { throw SimulatedProcess.death }
    guard server.isReached(by: process.number) else {
      throw StoreError(.inputOutput, "whether the last change was made cannot be found out")
    }
    try reach()
    guard server.mark(of: client) == transaction else {
      throw StoreError(.unreachable, "the connection broke before a change was committed")
    }
    history.confirmed(transaction)
  }

  private var lost: StoreError { StoreError(.unreachable, "the server cannot be reached") }

  /// Goes on only where the server is reached; a connection that broke is made anew, but for one that is in a transaction.
  fileprivate func reach() throws(StoreError) {
    if process.isDead { throw SimulatedProcess.death }
    guard server.isReached(by: process.number) else {
      openSince = nil
      if base.isInTransaction { try base.execute("ROLLBACK") }
      throw lost
    }
    let restarts = server.restarts
    guard openSince != restarts else { return }
    let isBroken = base.isInTransaction
    if isBroken { try base.execute("ROLLBACK") }
    openSince = restarts
    if case .writer(let client, let history) = role {
      history.connected(to: server.identity, mark: server.mark(of: client))
      if !history.hasLostChanges {
        try base.execute("UPDATE run SET server = '\(server.identity)' WHERE worker = '\(client)'")
        if server.mark(of: client) == nil { server.mark(transaction, of: client) }
      }
    }
    if isBroken { throw lost }
  }
}

/// A statement on a ``ServerConnection``.
private final class ServerCursor: SQLCursor {
  private let base: any SQLCursor
  private unowned let connection: ServerConnection
  private var isStepped = false

  init(_ base: any SQLCursor, on connection: ServerConnection) {
    self.base = base
    self.connection = connection
  }

  var isBusy: Bool { base.isBusy }
  var changedRows: Int { base.changedRows }

  func bind(_ value: SQLValue, at index: Int) throws(StoreError) { try base.bind(value, at: index) }

  func bind(keeping bytes: UnsafeRawBufferPointer, at index: Int) throws(StoreError) {
    try base.bind(keeping: bytes, at: index)
  }

  func step() throws(StoreError) -> Bool {
    if !isStepped { try connection.reach() }
    isStepped = true
    return try base.step()
  }

  func rewind() {
    isStepped = false
    base.rewind()
  }

  func reset() {
    isStepped = false
    base.reset()
  }

  func isNull(_ column: Int) -> Bool { base.isNull(column) }
  func int(_ column: Int) -> Int { base.int(column) }
  func bytes(_ column: Int) -> UnsafeRawBufferPointer { base.bytes(column) }
}
