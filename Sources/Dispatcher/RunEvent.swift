package import BatchDomain

/// Something the run loop tells the observers of a run. Events explain; the store is the record.
package enum RunEvent: Sendable, Equatable {
  /// Sending begins or goes on.
  case started(RunSnapshot)
  /// The first request of this process was accepted that decides a chunk: not that of a step which others follow.
  case firstAccepted(StateCounts)
  /// A chunk moved.
  case progress(StateCounts)
  /// Nothing is sent before a moment, or until a probe gets through.
  case waiting(StoredWait)
  /// Sending goes on after a wait.
  case waitOver
  /// An attempt came to something else than acceptance.
  case setback(chunk: ChunkNumber, attempt: Int, outcome: Outcome, code: String?, message: String?)
  /// A chunk is divided to find the items to blame.
  case divided(chunk: ChunkNumber, pieces: Int)
  /// Settling found out what became of a chunk.
  case settled(chunk: ChunkNumber, verdict: Settlement.Verdict, evidence: String)
  /// A chunk stays unknown and is left to a person.
  case held(chunk: ChunkNumber, why: String)
  /// The service gives a chunk that it works on a status that it does not document. Each status is reported once.
  case unknownStatus(chunk: ChunkNumber, status: String)
  /// The store refused a change, which is tried again.
  case storeTrouble(String)
  /// No new request leaves from now on.
  case stopping(StopCause)
}

/// Who is told about a run: one event after the other, in their order, from whichever task made the change, and under no
/// lock. Must not block: tasks that send run on the network's event loop.
package protocol RunObserver: Sendable {
  /// Takes notice of an event.
  func observe(_ event: RunEvent)
}

/// Why the run loop stops before everything is decided, from the weakest cause to the strongest; being cancelled is a fact
/// of its own beside the others.
package enum StopCause: Sendable, Equatable {
  /// It was asked to: a signal, or another process through the store.
  case asked
  /// A person cancelled the run.
  case cancelled
  /// The run cannot go on now, and is paused for that reason.
  case paused(PauseReason, detail: String?)
  /// The store cannot be used.
  case store(StoreError)
}

extension StopCause {
  /// The order of the causes: of two, the stronger one stands.
  var strength: Int {
    switch self {
    case .cancelled: 0
    case .asked: 1
    case .paused: 2
    case .store: 3
    }
  }
}
