package import BatchDomain
package import Dispatch
import NIOConcurrencyHelpers

/// A connection on a queue of its own, with group commit.
///
/// Changes that arrive while a commit is under way share the next one, ``changesPerCommit`` at most. Each is undone alone,
/// so that one refused guard does not fail its neighbours. No call blocks the shared task pool: the engine runs on
/// the queue only.
package final class Database: Sendable {
  /// How long a change waits for another program's lock.
  package static let busyTimeout: Duration = .seconds(30)
  /// Changes that share a commit at most. Those who made them work on while the next commit is under way; were all of
  /// them in one, the disk and they would wait for each other in turn.
  package static let changesPerCommit = 8

  private let log: (any CommitLog)?
  private let queue: any StoreQueue
  private let pending = NIOLockedValueBox(Pending())
  private let confined: Confined

  private struct Pending {
    var changes: [Change] = []
    var isScheduled = false
  }

  /// A change as the queue sees it: `perform` runs inside the transaction and keeps its result, `finish`
  /// hands it over once the commit is durable, or the error that undid it.
  private struct Change: Sendable {
    let isDurable: Bool
    let scope: ChangeScope
    let perform: @Sendable (Connection) throws -> Void
    let finish: @Sendable ((any Error)?) -> Void
  }

  /// What belongs to the queue.
  ///
  /// `@unchecked Sendable`: its members are touched in the work of `Database.queue` only, one piece at a time.
  private final class Confined: @unchecked Sendable {
    var connection: Connection?
    /// Makes the connection at its first use.
    var opener: (() throws -> Connection)?
    var commits = 0
    var isDurable = true
    /// Whether the disk was full.
    var isShortOfSpace = false
    /// Set when a commit failed on the device: what is on disk is then unknown, and nothing more is written.
    var broken: StoreError?
  }

  private init(log: (any CommitLog)?, queue: any StoreQueue) {
    self.log = log
    self.queue = queue
    confined = Confined()
  }

  /// A connection that is made at its first use, on a queue of its own: for reading beside another one.
  ///
  /// - Parameter opener: makes the connection; what it throws is thrown by the first use.
  package convenience init(
    log: (any CommitLog)? = nil, opener: @escaping @Sendable () throws -> Connection
  ) {
    self.init(log: log, queue: DispatchQueue(label: "orchestrate.database.reader"))
    confined.opener = opener
  }

  /// Opens a database on its queue.
  ///
  /// - Parameters:
  ///   - log: what keeps commits and checkpoints apart, where an engine needs that.
  ///   - opener: makes the connection, and prepares it before anything else is done with it.
  package static func open(
    log: (any CommitLog)? = nil, queue: any StoreQueue = DispatchQueue(label: "orchestrate.database"),
    opener: @escaping @Sendable () throws -> Connection
  ) async throws -> Database {
    let database = Database(log: log, queue: queue)
    try await database.onQueue { confined in confined.connection = try opener() }
    return database
  }

  /// Makes a change in a transaction it may share with others, and returns when it is durable.
  ///
  /// - Parameters:
  ///   - isDurable: `false` for a change that nothing is done upon before a durable one follows: a power cut may
  ///     undo it, the death of the process does not. The next durable change makes it durable, too.
  ///   - scope: whom the transaction keeps off.
  ///   - change: is made again when another one that shares its transaction fails; so it has no effects but on the
  ///     database and in its result.
  /// - Throws: ``StoreError``; the change then left no trace.
  @discardableResult
  package func write<T: Sendable>(
    isDurable: Bool = true, scope: ChangeScope = .rows, _ change: @escaping @Sendable (Connection) throws -> T
  ) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      let result = NIOLockedValueBox<T?>(nil)
      enqueue(
        Change(
          isDurable: isDurable, scope: scope,
          perform: { connection in
            let value = try change(connection)
            result.withLockedValue { $0 = value }
          },
          finish: { error in
            if let error {
              continuation.resume(throwing: error)
            } else if let value = result.withLockedValue({ $0 }) {
              continuation.resume(returning: value)
            } else {
              continuation.resume(
                throwing: StoreError(.internal, "a change was committed without being made"))
            }
          }))
    }
  }

  /// Reads, outside any transaction that outlives the call.
  package func read<T: Sendable>(_ query: @escaping @Sendable (Connection) throws -> T) async throws -> T {
    try await onQueue { confined in try query(try Self.connection(of: confined)) }
  }

  /// Moves the log of an engine that has one into the database, when nobody else is writing.
  ///
  /// What may pass, such as a full disk, leaves it for later: everything is durable in the log already.
  package func checkpoint(truncating: Bool) async throws {
    try await onQueue { [self] confined in
      let connection = try Self.connection(of: confined)
      do {
        try log?.checkpoint(connection, truncating: truncating)
      } catch {
        if let failure = error as? StoreError, failure.isTransient { return }
        confined.broken = confined.broken ?? Self.lasting(error)
        throw error
      }
    }
  }

  /// Transactions that were committed: how well changes share them.
  package var commits: Int {
    get async throws { try await onQueue { $0.commits } }
  }

  /// Statements that were run, those of transactions included.
  package var statements: Int {
    get async throws { try await read { $0.statementsRun } }
  }

  /// Changes that wait for the next commit.
  package var waitingChanges: Int { pending.withLockedValue { $0.changes.count } }

  /// Closes the connection; later calls throw.
  package func close() async throws {
    try await onQueue { confined in
      confined.opener = nil
      confined.connection = nil
    }
  }

  private func enqueue(_ change: Change) {
    let mustSchedule = pending.withLockedValue { pending in
      pending.changes.append(change)
      defer { pending.isScheduled = true }
      return !pending.isScheduled
    }
    if mustSchedule { queue.submit { self.commitPending() } }
  }

  private func commitPending() {
    let (changes, isMoreWaiting) = pending.withLockedValue { pending in
      let changes = Array(pending.changes.prefix(Self.changesPerCommit))
      pending.changes.removeFirst(changes.count)
      pending.isScheduled = !pending.changes.isEmpty
      return (changes, pending.isScheduled)
    }
    if isMoreWaiting { queue.submit { self.commitPending() } }
    do {
      if let broken = confined.broken { throw broken }
      let connection = try Self.connection(of: confined)
      let isDurable = changes.contains(where: \.isDurable)
      if isDurable != confined.isDurable {
        try connection.engine.setDurable(isDurable)
        confined.isDurable = isDurable
      }
      let outcomes = try commit(changes, on: connection)
      confined.commits += 1
      for (change, error) in zip(changes, outcomes) { change.finish(error) }
      if log?.isLong(connection, isDurable: isDurable, isShortOfSpace: confined.isShortOfSpace) == true {
        shortenLog(connection)
      }
    } catch {
      confined.broken = confined.broken ?? Self.lasting(error)
      if let failure = error as? StoreError, failure.code == .full, let connection = confined.connection {
        confined.isShortOfSpace = true
        // What the log has in it needs no room of its own once it is in the database.
        shortenLog(connection)
      }
      for change in changes { change.finish(error) }
    }
  }

  /// Tries a checkpoint. What was committed is durable; what a checkpoint cannot do now, the next change will meet.
  private func shortenLog(_ connection: Connection) {
    do {
      try log?.checkpoint(connection, truncating: false)
    } catch {
      confined.broken = confined.broken ?? Self.lasting(error)
    }
  }

  /// Makes the changes in one transaction.
  ///
  /// They are made as if none of them could fail: SQLite copies each page that changes after a savepoint, which is most of
  /// what savepoints cost. When one fails, all are undone and made again, each in a savepoint of its own.
  ///
  /// - Returns: for each change its own error, or `nil`.
  /// - Throws: when the transaction as a whole failed; then none of them left a trace.
  private func commit(_ changes: [Change], on connection: Connection) throws -> [(any Error)?] {
    try log?.lockForCommit()
    defer { log?.unlockAfterCommit() }
    var tries = 0
    while true {
      tries += 1
      do {
        return try undoing(connection) { try Self.makeTogether(changes, on: connection) }
          ?? undoing(connection) { try Self.makeApart(changes, on: connection) }
      } catch let error as StoreError
        where error.code == .locked && tries < connection.engine.triesPerTransaction
      {
        // Nothing of it was made: it is made again, as a whole.
        continue
      }
    }
  }

  private static func scope(of changes: [Change]) -> ChangeScope { changes.map(\.scope).max() ?? .rows }

  /// Makes the changes without savepoints.
  ///
  /// - Returns: `nil` when one of several failed; nothing is changed then.
  private static func makeTogether(_ changes: [Change], on connection: Connection) throws -> [(any Error)?]? {
    try connection.engine.permitSavepoints(false)
    connection.mayRunLater = true
    try connection.begin(scope(of: changes))
    do {
      for change in changes { try change.perform(connection) }
      // What a change had run later may fail only now.
      if connection.engine.hasWaitingStatements { try connection.conclude() }
    } catch {
      // Some errors end the whole transaction by themselves; one that met another change is made again.
      guard connection.isInTransaction, !mayPass(error, connection) else { throw error }
      try connection.rollBack()
      connection.revise()
      return changes.count == 1 ? [error] : nil
    }
    try connection.commit()
    return changes.map { _ in nil }
  }

  /// Whether a transaction as a whole is tried again after an error.
  private static func mayPass(_ error: any Error, _ connection: Connection) -> Bool {
    connection.engine.triesPerTransaction > 1 && (error as? StoreError)?.code == .locked
  }

  /// Makes each change in a savepoint of its own.
  private static func makeApart(_ changes: [Change], on connection: Connection) throws -> [(any Error)?] {
    // Forbidden again before the next transaction, not after this one: what fails behind a commit must not be told as a
    // commit that failed.
    try connection.engine.permitSavepoints(true)
    connection.mayRunLater = false
    try connection.begin(scope(of: changes))
    var outcomes: [(any Error)?] = []
    for change in changes {
      try connection.run("SAVEPOINT change")
      do {
        try change.perform(connection)
        outcomes.append(nil)
      } catch {
        // Some errors end the whole transaction by themselves, and with it the changes before this one.
        guard connection.isInTransaction, !mayPass(error, connection) else { throw error }
        try connection.run("ROLLBACK TO change")
        outcomes.append(error)
      }
      try connection.run("RELEASE change")
    }
    try connection.commit()
    return outcomes
  }

  /// Undoes the transaction when it fails as a whole.
  private func undoing<T>(_ connection: Connection, _ transaction: () throws -> T) throws -> T {
    do {
      return try transaction()
    } catch {
      let cause = error
      connection.revise()
      if connection.isInTransaction {
        // Where even this fails, the next change finds the transaction open and says so; the cause is the
        // better thing to report now.
        do { try connection.rollBack() } catch { throw cause }
      }
      throw cause
    }
  }

  private func onQueue<T: Sendable>(_ work: @escaping @Sendable (Confined) throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      queue.submit { [confined] in
        do {
          continuation.resume(returning: try work(confined))
        } catch {
          continuation.resume(throwing: error)
        }
      }
    }
  }

  private static func connection(of confined: Confined) throws -> Connection {
    if let connection = confined.connection { return connection }
    guard let opener = confined.opener else { throw StoreError(.unavailable, "the database is closed") }
    let connection = try opener()
    confined.connection = connection
    return connection
  }

  /// After a failed write to the device nobody knows what is on disk (fsync may drop the pages it could not
  /// write and succeed the next time), so such a failure stands.
  private static func lasting(_ error: any Error) -> StoreError? {
    guard let error = error as? StoreError, error.code == .inputOutput || error.code == .damaged else {
      return nil
    }
    return error
  }
}

/// The log of an engine that has to be moved into its database now and then, and what keeps that apart from commits.
package protocol CommitLog: Sendable {
  /// Keeps checkpoints off; blocks the calling thread, which has to be the database's own.
  func lockForCommit() throws(StoreError)

  /// Permits checkpoints again.
  func unlockAfterCommit()

  /// Whether a checkpoint should be tried.
  ///
  /// - Parameters:
  ///   - isDurable: whether the last commit was.
  ///   - isShortOfSpace: whether the disk was full.
  func isLong(_ connection: Connection, isDurable: Bool, isShortOfSpace: Bool) -> Bool

  /// Moves the log into the database, unless somebody else is writing.
  ///
  /// - Parameter truncating: also cuts the log's file to nothing.
  func checkpoint(_ connection: Connection, truncating: Bool) throws(StoreError)
}

/// Where a store does its work: one piece after the other, never two at once, in the order they were submitted.
///
/// The program's is a dispatch queue. The simulation, which decides the order of everything, brings its own, so that group
/// commit and an answer that comes during a commit are part of what it plays.
package protocol StoreQueue: Sendable {
  /// Does a piece of work after those that were submitted before it.
  func submit(_ work: @escaping @Sendable () -> Void)
}

/// A serial queue; work runs on a thread of its own, off the shared task pool.
extension DispatchQueue: StoreQueue {
  /// Does a piece of work after those that were submitted before it.
  package func submit(_ work: @escaping @Sendable () -> Void) { async(execute: work) }
}
