/// The port by which a run goes from one store to another with everything that is recorded of it.
///
/// A run goes on in one store at a time. It is complete and checked in the other store before the first one says that it
/// went there, so that a copy that is cut off anywhere leaves a run that can be resumed in one of them, or that the same
/// copy, made again, completes.
package protocol RunCopying: Sendable {
  /// How a run stands for a copy, from this store or to it.
  func copyStanding(of run: RunID) async throws -> CopyStanding

  /// Takes a run that nobody owns and that has nothing under way, to read it and to leave it.
  ///
  /// - Throws: ``StoreError`` with code `owned` while its owner lives, `wrong_state` when it cannot be copied.
  func depart(_ run: RunID) async throws -> any RunDeparture

  /// Begins a run that comes from another store; nobody sees it before ``RunArrival/show(at:)``. What is left of a copy
  /// of it that was cut off is removed first.
  ///
  /// - Parameter store: where it comes from, as it is shown.
  /// - Throws: ``StoreError`` with code `owned` while another process copies it here, `conflict` when it is there already.
  func receive(_ head: RunHead, from store: String, at now: Timestamp) async throws -> any RunArrival

  /// Takes a run that was copied here completely and whose copying process died after that.
  ///
  /// - Throws: ``StoreError`` with code `owned` while that process lives.
  func continueArrival(of run: RunID) async throws -> any RunArrival
}

/// How a run stands for a copy.
package enum CopyStanding: Sendable, Equatable {
  /// There is no run with that id.
  case absent
  /// Its removal was begun, and rows of it are left.
  case removed
  /// It is there.
  case present(CopyableRun)
  /// It was copied to another store, where it goes on.
  ///
  /// - Parameter copy: tells this copy from others of the run, as in ``arriving(from:isShown:copy:)``.
  case copied(to: String, at: Timestamp, copy: Int)
  /// It is being copied from another store, or that was cut off.
  ///
  /// - Parameter isShown: whether all of it is there and was checked.
  case arriving(from: String, isShown: Bool, copy: Int)
}

/// A run that is there, as a copy of it finds it.
package struct CopyableRun: Sendable, Equatable {
  /// Its state as it is stored: one whose owner died is `running`.
  package var state: RunState
  /// Why it is paused, as it is stored.
  package var reason: PauseReason?
  /// More about the reason.
  package var detail: String?
  /// Whether it is to be cancelled, and was not yet.
  package var isBeingCancelled: Bool
  /// Whether a former owner of it left something that the next owner sees to first.
  package var isLeftOpen: Bool

  /// A run as the store has it.
  package init(
    state: RunState, reason: PauseReason?, detail: String?, isBeingCancelled: Bool, isLeftOpen: Bool
  ) {
    self.state = state
    self.reason = reason
    self.detail = detail
    self.isBeingCancelled = isBeingCancelled
    self.isLeftOpen = isLeftOpen
  }
}

/// What stores hand to each other of the run itself: opaque for all others.
package struct RunHead: Sendable, Equatable {
  /// The run's id.
  package var run: RunID
  /// The row of the run, without what belongs to a store.
  package var row: [RunRecords.Value]
  /// Its state, and what goes with it.
  package var ending: Ending
  /// Waits of the service that hold it back, by step or budget.
  package var waits: [ChunkStep: StoredWait]
  /// Tells this copy from others of the run.
  package var copy: Int

  /// What a run is doing, as a store has it.
  package struct Ending: Sendable, Equatable {
    /// The state.
    package var state: RunState
    /// Why it is paused.
    package var reason: PauseReason?
    /// More about the reason.
    package var detail: String?
    /// When it was finished or cancelled.
    package var finishedAt: Timestamp?

    /// A state with what goes with it.
    package init(state: RunState, reason: PauseReason?, detail: String?, finishedAt: Timestamp?) {
      self.state = state
      self.reason = reason
      self.detail = detail
      self.finishedAt = finishedAt
    }
  }

  /// A run as its store has it.
  package init(
    run: RunID, row: [RunRecords.Value], ending: Ending, waits: [ChunkStep: StoredWait], copy: Int
  ) {
    self.run = run
    self.row = row
    self.ending = ending
    self.waits = waits
    self.copy = copy
  }
}

/// Rows of one kind, as stores hand them to each other: numbers that belong to a store are left out, or replaced by what they
/// stand for.
package struct RunRecords: Sendable, Equatable {
  /// A value of a row.
  package enum Value: Sendable, Equatable {
    /// No value.
    case none
    /// An integer.
    case integer(Int64)
    /// Text or bytes.
    case bytes([UInt8])
  }

  /// Where reading goes on.
  package struct Mark: Sendable, Equatable {
    /// The kind of the rows.
    package var kind: Int
    /// The key of the last row, as the store that is read has it.
    package var key: [Value]

    /// A place in the order of the rows.
    package init(kind: Int, key: [Value]) {
      self.kind = kind
      self.key = key
    }
  }

  /// What the rows are of: kinds come in an order in which rows refer to earlier ones only.
  package var kind: Int
  /// The rows.
  package var rows: [[Value]]

  /// Rows of one kind.
  package init(kind: Int, rows: [[Value]]) {
    self.kind = kind
    self.rows = rows
  }
}

/// Reads the records of a run page by page, in an order of the store.
package protocol RunRecordSource: Sendable {
  /// The next rows, a bounded number of bytes as long as single items are small; `nil` when there are no more.
  func records(after mark: RunRecords.Mark?) async throws -> (records: RunRecords, mark: RunRecords.Mark)?
}

/// A run that is copied to another store. This process owns it until it left, or stays.
package protocol RunDeparture: RunRecordSource {
  /// The run itself.
  var head: RunHead { get }

  /// Marks the run as copied: it is not resumed here any more.
  ///
  /// - Parameter store: where it goes on, as it is shown.
  func leave(to store: String, at now: Timestamp) async throws

  /// Gives the run back as it was.
  func stay() async throws
}

/// A run that comes from another store. This process owns it until it is settled or abandoned.
package protocol RunArrival: RunRecordSource {
  /// Records the next rows.
  func add(_ records: RunRecords) async throws

  /// Makes the run visible, as one that cannot be resumed yet.
  func show(at now: Timestamp) async throws

  /// What `verify` says of its records.
  func audit() async throws -> RunAudit

  /// Gives the run the state that it had where it came from, and gives it back.
  func settle() async throws

  /// Removes what was recorded of it.
  func abandon() async throws

  /// Gives it back as it is.
  func release() async throws
}

/// A sum over records that does not depend on their order: what tells whether all of them arrived as they were sent.
package struct RunRecordSum: Sendable, Equatable {
  /// Rows by kind.
  package private(set) var rows: [Int: Int] = [:]
  private var sum: UInt64 = 0

  /// Of no records.
  package init() {}

  /// Takes records into the sum.
  package mutating func add(_ records: RunRecords) {
    rows[records.kind, default: 0] += records.rows.count
    for row in records.rows {
      var hash = UInt64(records.kind)
      for value in row {
        switch value {
        case .none: hash = hash &* 31 &+ 1
        case .integer(let integer):
          hash = withUnsafeBytes(of: integer.littleEndian) { XXHash64.hash($0, seed: hash) }
        case .bytes(let bytes): hash = bytes.withUnsafeBytes { XXHash64.hash($0, seed: ~hash) }
        }
      }
      sum = sum &+ hash
    }
  }
}
