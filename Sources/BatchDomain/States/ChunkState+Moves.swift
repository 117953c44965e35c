/// A move that the table of states does not have.
package struct IllegalMove: Error, Equatable, CustomStringConvertible {
  /// The state the chunk was in.
  package let state: ChunkState
  /// What happened to it.
  package let event: ChunkEvent

  /// A move that was tried.
  package init(state: ChunkState, event: ChunkEvent) {
    self.state = state
    self.event = event
  }

  /// Names the state and the event.
  package var description: String {
    "a chunk that is \(state.rawValue) cannot move on \"\(event.rawValue)\""
  }
}

extension ChunkState {
  /// The state after an event: the whole table of moves (`docs/state-machine.md` shows it).
  ///
  /// - Throws: ``IllegalMove`` when the event cannot happen in this state.
  package func after(_ event: ChunkEvent) throws(IllegalMove) -> ChunkState {
    switch (self, event) {
    case (.pending, .claimed): .submitting
    case (.pending, .cancelled): .cancelled
    case (.pending, .refusedAlike): .rejected

    case (.submitting, .accepted): .accepted
    case (.submitting, .requeued): .pending
    case (.submitting, .answerLost), (.submitting, .doubted): .unknown
    case (.submitting, .refused): .rejected
    case (.submitting, .exhausted): .failed
    case (.submitting, .divided): .split

    case (.unknown, .settledReceived): .accepted
    case (.unknown, .settledNotReceived): .pending
    case (.unknown, .exhausted): .failed
    case (.unknown, .divided): .split

    case (.rejected, .retried), (.failed, .retried): .pending

    case (.pending, _), (.submitting, _), (.unknown, _), (.accepted, _), (.rejected, _), (.failed, _),
      (.split, _), (.cancelled, _):
      throw IllegalMove(state: self, event: event)
    }
  }
}
