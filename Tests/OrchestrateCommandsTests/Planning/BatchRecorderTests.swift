import BatchDomain
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Batches recorded in the background")
struct BatchRecorderTests {
  /// A plan that notes what it is given, and fails where it is told to.
  final class NotedPlan: PlanningSession {
    struct Failure: Error {}

    let run = RunID(createdAt: Timestamp(milliseconds: 1_750_000_000_000), random: 1)
    let failing: Int?
    let handed = NIOLockedValueBox(0)
    let recorded = NIOLockedValueBox<[Int]>([])
    let mostAhead = NIOLockedValueBox(0)

    init(failing: Int? = nil) { self.failing = failing }

    func append(_ batch: ItemBatch, chunks: [PlannedChunk]) async throws {
      // Others get their turn in between: an order that holds does not hold by chance.
      await Task.yield()
      if batch.firstSequence == failing { throw Failure() }
      let count = recorded.withLockedValue { recorded in
        recorded.append(batch.firstSequence)
        return recorded.count
      }
      let ahead = handed.withLockedValue { $0 } - count + 1
      mostAhead.withLockedValue { $0 = max($0, ahead) }
    }

    func texts(of sequences: [Int]) async throws -> [[UInt8]] {
      [recorded.withLockedValue { Array(String($0.count).utf8) }]
    }

    func fingerprints(from first: Int, limit: Int) async throws -> [ItemFingerprint] { [] }
    func sources(from first: Int, limit: Int) async throws -> [StoredItem] { [] }
    func clear() async throws {}
    func add(_ chunks: [PlannedChunk]) async throws {}
    func complete(_ totals: PlanTotals, at now: Timestamp) async throws -> PlanCompletion { .repeats(run) }
    func abandon() async throws {}
  }

  /// Hands batches over while they are recorded.
  ///
  /// - Returns: how many were handed over.
  private func hand(
    _ count: Int, to plan: NotedPlan,
    asking: @Sendable (Int, BatchRecorder) async throws -> Void = { _, _ in }
  ) async throws -> Int {
    let recorder = BatchRecorder(plan)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await recorder.record() }
      do {
        for number in 0..<count {
          try await recorder.hand(
            ItemBatch(firstSequence: number), chunks: []
          )
          plan.handed.withLockedValue { $0 += 1 }
          try await asking(number, recorder)
        }
      } catch is BatchRecorder.Ended {}
      recorder.finish()
      try await group.waitForAll()
      return plan.handed.withLockedValue { $0 }
    }
  }

  @Test("all are recorded in their order, and only a few are ahead")
  func order() async throws {
    let plan = NotedPlan()
    #expect(try await hand(200, to: plan) == 200)
    #expect(plan.recorded.withLockedValue { $0 } == Array(0..<200))
    #expect(plan.mostAhead.withLockedValue { $0 } <= BatchRecorder.batchesAhead)
  }

  @Test("who asks for texts gets them once everything before is recorded")
  func asking() async throws {
    let plan = NotedPlan()
    let answers = NIOLockedValueBox<[String]>([])
    _ = try await hand(30, to: plan) { number, recorder in
      guard number % 7 == 0 else { return }
      let answer = try await recorder.texts(of: [number])[0]
      answers.withLockedValue { $0.append(String(decoding: answer, as: UTF8.self)) }
    }
    #expect(answers.withLockedValue { $0 } == ["1", "8", "15", "22", "29"])
  }

  @Test("what ends the recording ends the handing over, and is what is thrown", arguments: [0, 3, 50])
  func failure(at failing: Int) async throws {
    let plan = NotedPlan(failing: failing)
    await #expect(throws: NotedPlan.Failure.self) { _ = try await hand(100, to: plan) }
    #expect(plan.recorded.withLockedValue { $0 } == Array(0..<failing))
    #expect(plan.handed.withLockedValue { $0 } <= failing + BatchRecorder.batchesAhead)
  }

  @Test("after a failure nobody who asks for texts waits for ever")
  func askingAfterFailure() async throws {
    let plan = NotedPlan(failing: 2)
    await #expect(throws: NotedPlan.Failure.self) {
      _ = try await hand(3, to: plan) { number, recorder in
        if number == 2 { _ = try await recorder.texts(of: [0]) }
      }
    }
  }

  @Test("what is cancelled ends, and is not taken for recorded")
  func cancelled() async throws {
    let plan = NotedPlan()
    let task = Task { try await hand(1_000, to: plan) }
    task.cancel()
    let result = await task.result
    // Cut short, or done before the cancellation was seen; what was recorded has no gap.
    let recorded = plan.recorded.withLockedValue { $0 }
    #expect(recorded == Array(0..<recorded.count))
    if case .success(let handed) = result { #expect(handed == 1_000 && recorded.count == 1_000) }
  }
}
