import BatchDomain
import Testing

@Suite("What records say of a chunk's state")
struct ChunkTrailTests {
  typealias Row = (trail: ChunkTrail, states: Set<ChunkState>)

  static let table: [Row] = [
    (ChunkTrail(attempts: 0), [.pending, .cancelled]),
    (ChunkTrail(attempts: 0, parentVerdict: .partlyReceived), [.pending, .cancelled, .accepted]),
    (ChunkTrail(attempts: 0, parentVerdict: .notReceived), [.pending, .cancelled]),
    (ChunkTrail(attempts: 0, isRejectedWithNeighbours: true), [.pending, .cancelled, .rejected]),
    (ChunkTrail(attempts: 1), [.submitting]),
    (ChunkTrail(attempts: 1, lastOutcome: .accepted), [.accepted]),
    (
      ChunkTrail(attempts: 1, lastOutcome: .accepted, hasNextStep: true),
      [.processing, .pending, .rejected, .failed, .cancelled]
    ),
    (
      ChunkTrail(attempts: 1, lastOutcome: .unknown, lastVerdict: .received, hasNextStep: true),
      [.processing, .pending, .rejected, .failed, .cancelled]
    ),
    (ChunkTrail(attempts: 2, lastOutcome: .throttled), [.pending, .cancelled]),
    (ChunkTrail(attempts: 2, lastOutcome: .notProcessed), [.pending, .cancelled, .failed]),
    (ChunkTrail(attempts: 1, lastOutcome: .unknown), [.unknown]),
    (ChunkTrail(attempts: 1, lastOutcome: .unknown, lastVerdict: .received), [.accepted]),
    (ChunkTrail(attempts: 1, lastOutcome: .unknown, lastVerdict: .partlyReceived), [.split]),
    (
      ChunkTrail(attempts: 1, lastOutcome: .unknown, lastVerdict: .notReceived),
      [.pending, .cancelled, .failed, .split]
    ),
    (ChunkTrail(attempts: 1, lastOutcome: .content), [.rejected, .split, .unknown]),
    (
      ChunkTrail(attempts: 1, lastOutcome: .content, isRetried: true),
      [.rejected, .split, .unknown, .pending, .cancelled]
    ),
    (ChunkTrail(attempts: 1, lastOutcome: .content, lastVerdict: .received), [.accepted]),
  ]

  @Test("the records lead to these states", arguments: table.indices)
  func states(row: Int) {
    #expect(Self.table[row].trail.states == Self.table[row].states, "\(Self.table[row].trail.description)")
  }

  @Test(
    "whatever the contract makes of an outcome is a state its record leads to", arguments: Outcome.allCases)
  func judged(outcome: Outcome) throws {
    for counted in [0, 7] {
      for others in [false, true] {
        for sole in [false, true] {
          let judgement = RetryContract.judge(
            outcome,
            AttemptCircumstances(
              countedAttempts: counted, maxAttempts: 8, othersGetThrough: others, isSoleIndexLeft: sole))
          let state = try ChunkState.submitting.after(judgement.event)
          #expect(ChunkTrail(attempts: 1, lastOutcome: outcome).states.contains(state))
        }
      }
    }
  }
}
