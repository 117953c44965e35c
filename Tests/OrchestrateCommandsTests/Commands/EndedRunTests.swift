import ArgumentParser
import BatchDomain
import TestSupport
import Testing

@testable import OrchestrateCommands
@testable import RunStore
@testable import StoreCore

/// `cancel` and `settle` against runs that end, or have ended.
@Suite("Commands against the end of a run", .timeLimit(.minutes(10)))
struct EndedRunTests {
  /// A run of three chunks that this process sends while a command looks at it.
  private struct LiveRun {
    let store: SQLStore
    let session: any RunSession

    init(_ stage: CommandStage) async throws {
      store = try await SQLiteStore.open(path: stage.database, now: stage.clock.now())
      session = try await PlannedItems.plan(
        (0..<3).map { PlannedItems.source($0) }, chunkSize: 1, in: store, at: stage.clock.now())
    }

    func end(_ event: ChunkEvent, at now: Timestamp) async throws {
      while case .chunk(let chunk) = try await session.claim(at: now) {
        _ = try await session.record(
          AttemptRecord(
            of: chunk, finishedAt: now, took: .zero, outcome: .notProcessed, status: 503, code: nil,
            message: nil, isCounted: true, event: event))
      }
      try await session.release(as: .finished, at: now)
    }
  }

  @Test("a run that finishes before it sees the request is said to have finished, and can be retried")
  func cancelAgainstTheEnd() async throws {
    let stage = try CommandStage()
    let live = try await LiveRun(stage)
    let run = live.session.run
    async let status = stage.run(CancelCommand.self, run.rawValue)
    await stage.clock.waitForSleepers(1)
    #expect(try await live.session.request() == .cancel)
    try await live.end(.exhausted, at: stage.clock.now())
    stage.clock.advance(by: .milliseconds(100))
    #expect(try await status == .badInput)
    #expect(stage.diagnostics.written.contains("run \(run) finished before it could be cancelled"))
    let later = try await live.store.take(run, isCancelling: false, at: stage.clock.now())
    #expect(try await later.retry([.failed]).request == nil)
    #expect(try await later.standing().counts.chunks(in: .pending) == 3)
  }

  @Test("a run whose owner dies before it cancels is cancelled by the command")
  func cancelAfterDeath() async throws {
    let stage = try CommandStage()
    let live = try await LiveRun(stage)
    let run = live.session.run
    async let status = stage.run(CancelCommand.self, run.rawValue)
    await stage.clock.waitForSleepers(1)
    live.store.engine.releaseRun(1)
    stage.clock.advance(by: .milliseconds(100))
    #expect(try await status == .done)
    let summary = try await live.store.summary(of: run)
    #expect(summary.state == .cancelled)
    #expect(summary.counts.chunks(in: .cancelled) == 3)
  }

  @Test(
    "a person's verdict does not undo a cancellation whose owner died",
    arguments: ["received", "not-received"])
  func settleAfterCancelledOwner(word: String) async throws {
    let stage = try CommandStage()
    let live = try await LiveRun(stage)
    let run = live.session.run
    let now = stage.clock.now()
    guard case .chunk(let chunk) = try await live.session.claim(at: now) else {
      Issue.record("nothing to claim")
      return
    }
    _ = try await live.session.record(
      AttemptRecord(
        of: chunk, finishedAt: now, took: .zero, outcome: .unknown, status: nil, code: "reset", message: nil,
        isCounted: false, event: .answerLost))
    _ = try await live.session.cancelPending()
    live.store.engine.releaseRun(1)
    #expect(try await stage.run(SettleCommand.self, run.rawValue, "--as", word) == .done)
    let summary = try await live.store.summary(of: run)
    #expect(summary.state == .cancelled)
    #expect(summary.counts.chunks(in: .pending) == 0)
  }

  @Test("when the owner dies and another process resumes the run, that one is asked to cancel")
  func cancelAfterResume() async throws {
    let stage = try CommandStage()
    let live = try await LiveRun(stage)
    let run = live.session.run
    async let status = stage.run(CancelCommand.self, run.rawValue)
    await stage.clock.waitForSleepers(1)
    live.store.engine.releaseRun(1)
    let heir = try await live.store.take(run, isCancelling: false, at: stage.clock.now())
    #expect(try await heir.request() == nil)
    stage.clock.advance(by: .milliseconds(100))
    await stage.clock.waitForSleepers(1)
    #expect(try await heir.request() == .cancel)
    _ = try await heir.cancelPending()
    try await heir.release(as: .cancelled, at: stage.clock.now())
    stage.clock.advance(by: .milliseconds(100))
    #expect(try await status == .done)
  }

  @Test(
    "settling what is not unknown leaves the run as it was",
    arguments: [["--chunk", "1"], ["--chunk=-1"], []])
  func settleNothing(options: [String]) async throws {
    let stage = try CommandStage()
    let live = try await LiveRun(stage)
    let run = live.session.run
    try await live.end(.exhausted, at: stage.clock.now())
    let row = "SELECT state || ' ' || finished_at || ' ' || owner || ' ' || coalesce(owner_pid, 0) FROM run"
    let before = try Raw.query(row, in: stage.database)
    stage.clock.advance(by: .seconds(3_600))
    let arguments = [run.rawValue, "--as", "received"] + options
    #expect(try await SettleCommand.parse(arguments).status(in: stage.context) == .badInput)
    #expect(try Raw.query(row, in: stage.database) == before)
  }

  @Test("to retry what a finished run does not have repeats its result and leaves it as it was")
  func retryNothing() async throws {
    let stage = try CommandStage()
    let live = try await LiveRun(stage)
    let run = live.session.run
    try await live.end(.exhausted, at: stage.clock.now())
    let row = "SELECT state || ' ' || finished_at || ' ' || owner FROM run"
    let before = try Raw.query(row, in: stage.database)
    stage.clock.advance(by: .seconds(3_600))
    #expect(try await stage.run(ResumeCommand.self, run.rawValue, "--retry", "rejected") == .lost)
    #expect(try Raw.query(row, in: stage.database) == before)
  }
}
