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

    init(_ stage: CommandStage, _ profile: ServiceProfile = .v1) async throws {
      store = try await SQLiteStore.open(path: stage.database, now: stage.clock.now())
      var settings = RunSettings()
      settings.profile = profile
      settings.chunkSize = 1
      session = try await PlannedItems.plan(
        (0..<3).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store,
        at: stage.clock.now())
    }

    /// Takes the next chunk and records what became of its first step.
    func send(_ outcome: Outcome, _ event: ChunkEvent, id: String? = nil, at now: Timestamp) async throws {
      guard case .chunk(let chunk) = try await session.claim(at: now) else {
        throw StoreError(.conflict, "nothing to claim")
      }
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: now, took: .zero, outcome: outcome, status: id == nil ? nil : 201,
          code: id == nil ? "reset" : nil, message: nil, externalID: id, isCounted: false, event: event))
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

  /// A paused run of profile v1.3: the answer to one upload was lost, one is being worked on, one was not sent.
  private func pausedUploads(_ stage: CommandStage, released exit: RunExit) async throws -> LiveRun {
    let live = try await LiveRun(stage, .v1_3)
    let now = stage.clock.now()
    try await live.send(.unknown, .answerLost, at: now)
    try await live.send(.accepted, .stepAccepted, id: "asset-1", at: now)
    try await live.session.release(as: exit, at: now)
    return live
  }

  @Test("with profile v1.3 nothing is settled as received by a person's word: an accepted item has an id")
  func settleReceivedWithoutID() async throws {
    let stage = try CommandStage()
    let live = try await pausedUploads(stage, released: .paused(.signal, detail: nil))
    let run = live.session.run
    let row = "SELECT state || ' ' || reason || ' ' || owner FROM run"
    let before = try Raw.query(row, in: stage.database)
    #expect(try await stage.run(SettleCommand.self, run.rawValue, "--as", "received") == .badInput)
    #expect(try Raw.query(row, in: stage.database) == before)
    let counts = try await live.store.summary(of: run).counts
    #expect(counts.chunks(in: .unknown) == 1 && counts.chunks(in: .accepted) == 0)
    let said = stage.diagnostics.written
    #expect(said.contains("`orchestrate resume \(run) --on-unknown check` asks the service"), "\(said)")
    #expect(said.contains("`orchestrate settle \(run) --as not-received`"), "\(said)")

    #expect(try await stage.run(SettleCommand.self, run.rawValue, "--as", "not-received") == .done)
    let after = try await live.store.summary(of: run)
    #expect(after.state == .paused && after.reason == .signal)
    #expect(after.counts.chunks(in: .pending) == 2 && after.counts.chunks(in: .processing) == 1)
  }

  @Test("of a cancelled run, cancel asks the service")
  func settleReceivedWithoutIDAfterCancelling() async throws {
    let stage = try CommandStage()
    let live = try await pausedUploads(stage, released: .cancelled)
    let run = live.session.run
    #expect(try await stage.run(SettleCommand.self, run.rawValue, "--as", "received") == .badInput)
    #expect(
      stage.diagnostics.written.contains("`orchestrate cancel \(run)` asks the service"),
      "\(stage.diagnostics.written)")
  }

  @Test(
    "a run is left finished by settle only when nothing is to be sent, is sent or is worked on by the service",
    arguments: [
      (.processing, false), (.pending, false), (.submitting, false), (.unknown, false), (.rejected, true),
    ] as [(ChunkState, Bool)])
  func settledRunIsLeft(state: ChunkState, isFinished: Bool) async throws {
    let stage = try CommandStage()
    let live = try await LiveRun(stage)
    var before = try await live.store.summary(of: live.session.run)
    (before.state, before.reason, before.detail) = (.paused, .throttled, "it said so")
    let counts = StateCounts(chunks: [.accepted: 2, state: 1], items: [.accepted: 2, state: 1])
    #expect(
      SettleCommand.exit(of: before, counts)
        == (isFinished ? .finished : .paused(.throttled, detail: "it said so")))
    // A finished run may have held chunks.
    (before.state, before.reason) = (.finished, nil)
    let expected: RunExit =
      isFinished || state == .unknown ? .finished : .paused(.signal, detail: "settled by a person")
    #expect(SettleCommand.exit(of: before, counts) == expected)
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

  @Test("--ignore-wait ends the wait by a run that is over, too: it holds the next ones back")
  func endWaitOfFinishedRun() async throws {
    let stage = try CommandStage()
    let live = try await LiveRun(stage)
    let run = live.session.run
    let now = stage.clock.now()
    for _ in 0..<3 { try await live.send(.notProcessed, .exhausted, at: now) }
    // The answer to the last request said so.
    try await live.session.remember(
      StoredWait(until: now + .seconds(86_400), reason: "no requests left", length: .seconds(86_400)),
      of: .transfer)
    try await live.session.release(as: .finished, at: now)
    let waits = "SELECT count(*) FROM budget WHERE wait_until IS NOT NULL"
    #expect(try Raw.query(waits, in: stage.database) == ["1"])
    #expect(try await stage.run(ResumeCommand.self, run.rawValue, "--ignore-wait") == .lost)
    let said = stage.diagnostics.written
    #expect(
      said.contains("--ignore-wait ends the wait until ") && said.contains(": no requests left"), "\(said)")
    #expect(try Raw.query(waits, in: stage.database) == ["0"])
    #expect(try await stage.run(ResumeCommand.self, run.rawValue, "--ignore-wait") == .lost)
    #expect(stage.diagnostics.written.contains("--ignore-wait: no wait is in force"))
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
