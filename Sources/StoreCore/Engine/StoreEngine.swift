package import BatchDomain

/// What a store needs of its engine beside SQL: who owns runs, one writer of the index of known items, and the engine's own
/// view of whether the database is sound.
package protocol StoreEngine: Sendable {
  // MARK: Ownership

  /// Makes this process the owner of a run that was just recorded, before anybody else sees it.
  ///
  /// - Returns: whether nobody else owns it.
  func own(new run: Int64, in connection: Connection) throws -> Bool

  /// Sees to it that nobody else works on a run, at once or not at all; where an engine can only watch whether an owner is
  /// alive, this takes as long as that.
  func seize(_ run: Int64, in database: Database) async throws -> Seizure

  /// Makes this process the owner of a run that it seized, in the transaction that gives the run its new owner.
  ///
  /// - Throws: ``StoreError`` with code `owned` when another process was faster.
  func own(seized run: Int64, in connection: Connection) throws

  /// Notes that the run has no owner any more, in the transaction that gives it back.
  ///
  /// - Returns: whether this process owned it.
  @discardableResult
  func disown(_ run: Int64, in connection: Connection) throws -> Bool

  /// Gives a run back that this process owned or seized, once nothing of it is under way.
  func releaseRun(_ run: Int64)

  /// Whether a live process owns a run, this one included.
  func isRunOwned(_ run: Int64, in connection: Connection) throws -> Bool

  /// Whether a live process owns any other run than that.
  func isAnyRunOwned(besides run: Int64, in connection: Connection) throws -> Bool

  /// What is known by now of the owner of a run, at once and without taking the run; `nil` as long as it has to be watched.
  func look(at run: Int64, in database: Database) async throws -> Seizure?

  /// For how long the store could not be reached; zero while it can.
  var silence: Duration { get }

  /// Whether the owner of a run lives, looked at for as long as it takes to tell.
  func isOwnerAlive(_ run: Int64, in database: Database) async throws -> Bool

  /// What a process that sends has to keep to where another one may take its run from it although it lives; `nil` where
  /// that cannot happen.
  var sendingRules: SendingRules? { get }

  /// Refuses to begin anything with a store that is brought to a schema this program does not know.
  ///
  /// - Throws: ``StoreError`` with code `schema`.
  func confirmSchema() throws

  /// Refuses to send where others take this process for dead.
  ///
  /// - Throws: ``StoreError`` with code `owned`.
  func confirmLife() throws

  /// Refuses to change a run where the database lost changes that it had confirmed to this process: what was sent may not be
  /// in it.
  ///
  /// - Throws: ``StoreError`` with code `lost_changes`.
  func confirmHistory() throws

  /// Whether the last owner of a run worked with another server, or another history of it, than this process does, so that
  /// changes of it may be lost.
  func mayHaveLostChanges(_ run: Int64, in connection: Connection) throws -> Bool

  /// Notes that one more request of this process is under way, or one less.
  func requestsUnderWay(changeBy difference: Int)

  /// Keeps others from sending what a budget counts before this transaction is over, where limits hold for it.
  func lockBudget(of origin: Int64, _ step: ChunkStep, in connection: Connection) throws

  /// The owner of a run as a person is told of it; `nil` when nobody is known.
  func owner(of run: Int64, in connection: Connection) throws -> String?

  /// What is known of the life of an owner that does not send any more, as a clause; `nil` when nothing is.
  func lifeOfOwner(of run: Int64, in connection: Connection) throws -> String?

  /// Notes for how long requests of the last owner may still reach the service.
  func noteInheritance(of run: Int64, for quiet: Duration, in connection: Connection) throws

  /// The chunks that a lost owner of a run may still have under way; `nil` when there are none.
  func inheritance(of run: Int64, in connection: Connection) throws -> RunInheritance?

  /// Takes a run or does something in its place; ``isAnyRunBeingTaken()`` says so meanwhile.
  func whileTaking<T: Sendable>(_ body: () async throws -> T) async throws -> T

  /// Whether a run is being taken now, by this process or another: who owns it may not have its row yet.
  func isAnyRunBeingTaken() throws(StoreError) -> Bool

  // MARK: The index of known items

  /// Keeps others from writing the index of known items.
  ///
  /// - Returns: whether nobody else does.
  func lockKnownItems(in database: Database) async throws -> Bool

  /// Makes sure that nobody else writes the index before the transaction is over.
  ///
  /// - Throws: ``StoreError`` with code `conflict` when another process writes it.
  func confirmKnownItems(in connection: Connection) throws

  /// Permits others to write it.
  func unlockKnownItems(in database: Database) async

  // MARK: Soundness

  /// When the database was made as a copy of another by `backup`; `nil` where it was not.
  func copiedAt(_ connection: Connection) throws -> Timestamp?

  /// Looks for damage in what is needed to go on with a run whose owner died.
  ///
  /// - Throws: ``StoreError`` with code `damaged` and the first thing that is wrong.
  func checkIntegrity(_ connection: Connection) throws

  /// What the engine itself finds wrong with the whole database.
  func problems(in connection: Connection) throws -> [EngineProblem]

  /// Ends the use of the store by this process, before its connections are closed.
  func close(in database: Database) async throws

  /// Opens a database that nobody else sees and of which nothing is left when the process ends.
  func openScratch() async throws -> Database
}

/// What came of trying to take a run from its owner.
package enum Seizure: Sendable, Equatable {
  /// A live process owns it.
  case owned
  /// Nothing of its last owner can reach the service any more.
  ///
  /// - Parameter host: the machine of the last owner, where it is another one.
  case free(host: String?)
  /// Its last owner is not heard of: requests of it may still reach the service
  /// (``SendingRules/quiet(requestsTaking:)``).
  ///
  /// - Parameter host: the machine of the last owner.
  case lost(host: String)

  /// Whether requests of the last owner may still reach the service.
  var isOfLostOwner: Bool {
    if case .lost = self { true } else { false }
  }

  /// The machine of the last owner, where that is known and another one.
  var host: String? {
    switch self {
    case .owned: nil
    case .free(let host): host
    case .lost(let host): host
    }
  }
}

/// What keeps two processes from sending the same chunk where one takes a run over from another that may still live.
///
/// docs/scale-out.md has the protocol, of which this is a part.
package struct SendingRules: Sendable {
  /// The longest time from the beginning of a claim to its confirmation (G): one that took longer is not sent.
  package var confirmation: Duration
  /// The longest time that a request under way may outlive its process's last sign of life (X).
  package var watchdog: Duration
  /// A margin (M), for what lies between the two machines.
  package var margin: Duration
  /// The clock that these are measured with; it counts the time in which the machine sleeps.
  package var clock: any BatchClock

  /// Rules in their parts.
  package init(confirmation: Duration, watchdog: Duration, margin: Duration, clock: any BatchClock) {
    self.confirmation = confirmation
    self.watchdog = watchdog
    self.margin = margin
    self.clock = clock
  }

  /// For how long after a take-over requests of the former owner may still reach the service (D).
  ///
  /// - Parameter timeout: the longest time limit among them.
  package func quiet(requestsTaking timeout: Duration) -> Duration {
    confirmation + timeout + watchdog + margin
  }
}

/// Ends this process when it is stopped, or does not get to run, for longer than ``SendingRules/watchdog`` while requests are
/// under way (R4): they end with its sockets.
package protocol RequestWatchdog: Sendable {
  /// Begins or ends to watch.
  func watch(_ isNeeded: Bool)
}

/// Something that an engine finds wrong with the whole database.
package struct EngineProblem: Sendable {
  /// What kind of check found it.
  package let check: AuditProblem.Check
  /// What is wrong, as a clause whose subject is the database.
  package let message: String

  /// A problem in its parts.
  package init(_ check: AuditProblem.Check, _ message: String) {
    self.check = check
    self.message = message
  }
}
