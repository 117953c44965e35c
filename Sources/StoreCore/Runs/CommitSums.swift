import BatchDomain
import NIOConcurrencyHelpers

/// What the changes of one commit add up to, for one run: read once and written once, however many changes share it.
final class CommitSums: Sendable {
  /// What one change adds.
  struct Share: Sendable {
    /// Chunks that became `submitting` or `accepted`, with their states before, and their items.
    var moves: [(from: ChunkState, to: ChunkState, items: Int)] = []
    /// The time of an intent.
    var intent: Timestamp?
    /// The time of an outcome.
    var outcome: Timestamp?
  }

  /// All that has come together.
  struct State: Sendable {
    fileprivate var facts: RunFacts
    /// ``Connection/revision`` that the facts are of.
    fileprivate var revision: Int
    fileprivate var chunks = CountByState()
    fileprivate var items = CountByState()
    fileprivate var intents = 0
    fileprivate var firstIntent: Timestamp?
    fileprivate var lastOutcome: Timestamp?
    fileprivate var hasEndedAbandoned = false
  }

  /// ``Connection/transaction`` that they belong to.
  let transaction: Int

  private let state: NIOLockedValueBox<State>

  /// No sums yet, in the transaction that is under way.
  init(_ connection: Connection, facts: RunFacts) {
    transaction = connection.transaction
    state = NIOLockedValueBox(State(facts: facts, revision: connection.revision))
  }

  /// What the changes have to know of the run.
  var facts: RunFacts { state.withLockedValue { $0.facts } }

  /// Reads the facts again, unless they are still true.
  func refresh(_ connection: Connection, read: () throws -> RunFacts) rethrows {
    let revision = connection.revision
    guard state.withLockedValue({ $0.revision != revision }) else { return }
    let facts = try read()
    state.withLockedValue { state in
      state.facts = facts
      state.revision = revision
    }
  }

  /// Makes a change that is undone as a whole when it fails, what it added included.
  func sharing<T>(in connection: Connection, _ change: () throws -> T) throws -> T {
    let before = state.withLockedValue { $0 }
    do {
      return try change()
    } catch {
      state.withLockedValue { $0 = before }
      connection.revise()
      throw error
    }
  }

  /// Notes that the run has pieces from now on.
  func addPieces() { state.withLockedValue { $0.facts.hasPieces = true } }

  /// Notes that abandoned claims are ended in this transaction.
  ///
  /// - Returns: `false` when a change before did so.
  func beginsToEndAbandoned() -> Bool {
    state.withLockedValue { state in
      defer { state.hasEndedAbandoned = true }
      return !state.hasEndedAbandoned
    }
  }

  /// Whether abandoned claims were ended in this transaction, by a change that was not undone.
  var hasEndedAbandoned: Bool { state.withLockedValue { $0.hasEndedAbandoned } }

  /// Intents of the run up to now, those of the changes before included.
  var intents: Int { state.withLockedValue { $0.facts.attempts + $0.intents } }

  /// Adds what a change came to. The last thing it does: a change that fails adds nothing.
  func add(_ share: Share) {
    state.withLockedValue { state in
      for move in share.moves {
        state.chunks[move.from] -= 1
        state.chunks[move.to] += 1
        state.items[move.from] -= move.items
        state.items[move.to] += move.items
      }
      if let intent = share.intent {
        state.intents += 1
        state.firstIntent = state.firstIntent ?? intent
      }
      if let outcome = share.outcome { state.lastOutcome = max(state.lastOutcome ?? outcome, outcome) }
    }
  }

  /// Writes what has come together since the last time.
  func write(run: Int64, in connection: Connection) throws {
    let sums = state.withLockedValue { state in
      let sums = state
      state = State(
        facts: state.facts, revision: state.revision, hasEndedAbandoned: sums.hasEndedAbandoned)
      state.facts.attempts += sums.intents
      return sums
    }
    for state in ChunkState.allCases where sums.chunks[state] != 0 || sums.items[state] != 0 {
      try connection.runLater(
        """
        INSERT INTO tally (run, state, chunks, items) VALUES (?, ?, ?, ?)
        ON CONFLICT (run, state) DO UPDATE
          SET chunks = tally.chunks + excluded.chunks, items = tally.items + excluded.items
        """, .integer(run), .text(state.rawValue), .integer(sums.chunks[state]), .integer(sums.items[state]))
    }
    if sums.intents > 0 || sums.lastOutcome != nil {
      try connection.runLater(
        """
        UPDATE run SET attempts = attempts + ?1, first_intent_at = coalesce(first_intent_at, ?2),
                       last_outcome_at = CASE WHEN last_outcome_at >= ?3 THEN last_outcome_at
                                              ELSE coalesce(?3, last_outcome_at) END
        WHERE id = ?4
        """, .integer(sums.intents), .integer(sums.firstIntent?.milliseconds),
        .integer(sums.lastOutcome?.milliseconds), .integer(run))
    }
  }
}

/// What every change of a run has to know of it, read once in a transaction.
struct RunFacts {
  /// What another process asks of the run.
  let request: RunRequest?
  /// Intents of the run so far.
  var attempts: Int
  /// Waits that the service asked any run of this store for, by step or budget: its budgets are common.
  var waits: [ChunkStep: StoredWait]
  /// Whether a chunk of the run was ever divided.
  var hasPieces: Bool
}
