package import BatchDomain
import Foundation
import NIOConcurrencyHelpers

/// The store port on an SQL engine: any number of runs, several processes at a time.
package final class SQLStore: Sendable {
  /// Where the store is, as messages name it.
  package let path: String
  package let database: Database
  /// A second connection on a queue of its own, which only reads: what may take long, while runs are sent.
  package let reader: Database
  /// What a store needs of its engine beside SQL.
  package let engine: any StoreEngine
  /// The clock that its moments are told by; `nil` for that of the caller.
  package let clock: (any BatchClock)?
  /// How long a change is tried again while the store refuses it for a reason that may pass.
  package let patience: Duration
  /// For how long the store could not be reached; zero while it can.
  package var silence: Duration { engine.silence }
  /// Whether it was opened for work.
  let canWrite: Bool

  /// Whether this process writes the index of known items: a lock never conflicts with another of the same open file.
  let isIndexing = NIOLockedValueBox(false)

  /// How long a change is tried again in a file: long enough for a disk to be cleared by whatever filled it, short enough to
  /// say so within a minute or two.
  package static let patience: Duration = .seconds(45)

  /// What the sessions of a store have in common.
  struct Parts: Sendable {
    let database: Database
    let reader: Database
    let engine: any StoreEngine
    let clock: (any BatchClock)?
  }

  var parts: Parts { Parts(database: database, reader: reader, engine: engine, clock: clock) }

  /// This process as the runs it owns show it.
  struct Host: Sendable {
    let name: String
    let processID: Int32

    static let current = Host(
      name: ProcessInfo.processInfo.hostName, processID: ProcessInfo.processInfo.processIdentifier)
  }

  /// A store whose database is open and has the schema of this program.
  ///
  /// - Parameters:
  ///   - reader: a second connection; `nil` reads with the first.
  ///   - clock: where intents get their times from, in the transaction that records them. Rates then hold at the moment
  ///     when requests may leave, however long commits take. `nil` takes the times that they are claimed at.
  ///   - patience: how long a change is tried again while the store refuses it for a reason that may pass.
  ///   - canWrite: whether it was opened for work.
  package init(
    path: String, database: Database, reader: Database? = nil, engine: any StoreEngine,
    clock: (any BatchClock)? = nil, patience: Duration = SQLStore.patience, canWrite: Bool
  ) {
    self.patience = patience
    self.path = path
    self.database = database
    self.engine = engine
    self.canWrite = canWrite
    self.reader = reader ?? database
    self.clock = clock
  }

  /// A database of its own for what does not fit into memory; nothing of it is left when the process ends.
  func scratch() async throws -> Database { try await engine.openScratch() }

  /// Closes the database; later calls throw.
  package func close() async throws {
    try await engine.close(in: database)
    if reader !== database { try await reader.close() }
    try await database.close()
  }

  /// Finds the row of a run.
  ///
  /// - Throws: ``StoreError`` with code `no_such_run`, also for one that is being removed.
  static func row(of run: RunID, in connection: Connection) throws -> Int64 {
    let row = try connection.first(
      "SELECT id FROM run WHERE run_id = ? AND \(RemovedRuns.areOthers)", .text(run.rawValue)
    ) { $0.int(0) }
    guard let row else { throw try noSuchRun(run, in: connection) }
    return Int64(row)
  }

  /// What to say of a run that is not there.
  static func noSuchRun(_ run: RunID, in connection: Connection) throws -> StoreError {
    try RemovedRuns.error(for: run, in: connection)
      ?? StoreError(.noSuchRun, "there is no run \(run)", remedy: "\(command: .history) lists the runs")
  }
}
