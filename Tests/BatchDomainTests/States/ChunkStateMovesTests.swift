import BatchDomain
import Testing

@Suite("Moves of a chunk")
struct ChunkStateMovesTests {
  /// The table of moves, written out a second time: every pair that is not here has to be refused.
  static let moves: [String: ChunkState] = [
    "pending claimed": .submitting,
    "pending cancelled": .cancelled,
    "pending refusedAlike": .rejected,
    "submitting accepted": .accepted,
    "submitting requeued": .pending,
    "submitting answerLost": .unknown,
    "submitting doubted": .unknown,
    "submitting refused": .rejected,
    "submitting exhausted": .failed,
    "submitting stepAccepted": .processing,
    "submitting stepDone": .pending,
    "processing stepDone": .pending,
    "processing requeued": .pending,
    "processing refused": .rejected,
    "processing exhausted": .failed,
    "processing cancelled": .cancelled,
    "submitting stepReopened": .processing,
    "processing stepAccepted": .processing,
    "unknown stepAccepted": .processing,
    "unknown stepDone": .pending,
    "unknown refused": .rejected,
    "submitting divided": .split,
    "unknown settledReceived": .accepted,
    "unknown settledNotReceived": .pending,
    "unknown exhausted": .failed,
    "unknown divided": .split,
    "rejected retried": .pending,
    "failed retried": .pending,
  ]

  static let pairs = ChunkState.allCases.flatMap { state in ChunkEvent.allCases.map { (state, $0) } }

  @Test("every state x event pair moves as the table says or is refused", arguments: pairs)
  func everyPair(state: ChunkState, event: ChunkEvent) throws {
    if let expected = Self.moves["\(state.rawValue) \(event.rawValue)"] {
      let next = try state.after(event)
      #expect(next == expected)
    } else {
      #expect(throws: IllegalMove(state: state, event: event)) { try state.after(event) }
    }
  }

  @Test("an accepted, split or cancelled chunk never moves again")
  func finalStatesStay() {
    for state in [ChunkState.accepted, .split, .cancelled] {
      for event in ChunkEvent.allCases { #expect(throws: IllegalMove.self) { try state.after(event) } }
    }
  }
}
