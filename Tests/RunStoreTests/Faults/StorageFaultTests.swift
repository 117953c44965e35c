import BatchDomain
import Foundation
import Migrations
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

/// Storage fails at the first, the second, the third ... call, until a run passes untouched
/// (https://sqlite.org/testing.html, "Anomaly Testing").
@Suite("Storage that fails under a run", .timeLimit(.minutes(10)))
struct StorageFaultTests {
  /// What the first error may say, and the least number of calls that can fail so while a store is made and while a
  /// run is sent: a sweep that finds fewer tests nothing.
  private struct Expectation {
    let codes: Set<StoreError.Code>
    let opening: Int
    let sending: Int
  }

  private static func expectation(of fault: FaultyFolder.Fault) -> Expectation {
    switch fault {
    case .diskFull: Expectation(codes: [.full], opening: 8, sending: 25)
    case .writeError: Expectation(codes: [.inputOutput], opening: 8, sending: 25)
    case .syncError: Expectation(codes: [.inputOutput], opening: 5, sending: 15)
    case .truncateError: Expectation(codes: [.inputOutput], opening: 0, sending: 1)
    case .readError: Expectation(codes: [.inputOutput], opening: 1, sending: 10)
    case .openError: Expectation(codes: [.unavailable], opening: 2, sending: 2)
    case .deleteError: Expectation(codes: [.inputOutput], opening: 1, sending: 0)
    case .locked: Expectation(codes: [.locked], opening: 10, sending: 50)
    case .memoryError: Expectation(codes: [.inputOutput], opening: 1, sending: 1)
    }
  }

  /// The first error ends the process, so that it makes little difference whether later calls would fail, too, nor with
  /// which error a write fails: not every pair has to be tried at every call, for the time it takes.
  private static let faults = FaultyFolder.Fault.allCases.flatMap { fault in
    (fault == .writeError ? [true] : [false, true]).map { (fault, $0) }
  }
  /// Calls from one that is tried to the next.
  private static func step(_ isLasting: Bool) -> Int { isLasting ? 3 : 1 }

  @Test(
    "whatever call fails while a store is made, the next process makes it",
    arguments: faults)
  func everyCallOfOpening(fault: FaultyFolder.Fault, isLasting: Bool) async throws {
    let expected = Self.expectation(of: fault)
    let calls = try await sweep(step: Self.step(isLasting)) { call in
      let folder = try TemporaryFolder()
      let storage = try FaultyFolder(folder)
      let path = folder.file("store.db")
      storage.arm(fault, at: call, lasting: isLasting)
      let error = await failure {
        try await SQLiteStore.open(path: path, now: TestStore.start).close()
      }
      let failed = storage.disarm()
      try expect(error, failed: failed, codes: expected.codes, call: call)
      try await SQLiteStore.open(path: path, now: TestStore.start).close()
      #expect(try StoreAudit.problems(in: path) == [], "call \(call)")
      #expect(
        try Raw.query("SELECT count(*) FROM migration", in: path) == ["\(Migrations.all.count)"],
        "call \(call)")
      return failed > 0
    }
    #expect(calls >= expected.opening)
  }

  @Test(
    "whatever call fails while a run is sent, the next process finishes it: nothing lost, nothing twice",
    arguments: faults)
  func everyCallOfSending(fault: FaultyFolder.Fault, isLasting: Bool) async throws {
    try await sweepSending(fault, isLasting, step: Self.step(isLasting), .v1)
  }

  /// The calls of two steps are of the same kinds, only more: whether a change is whole or not there is what is left to
  /// find out about those that only two steps make.
  @Test(
    "nor anything of a run of two steps, whose ids are kept",
    arguments: [FaultyFolder.Fault.diskFull, .syncError])
  func everyCallOfTwoSteps(fault: FaultyFolder.Fault) async throws {
    try await sweepSending(fault, false, step: 1, .v1_3)
  }

  private func sweepSending(
    _ fault: FaultyFolder.Fault, _ isLasting: Bool, step: Int, _ profile: ServiceProfile
  ) async throws {
    let expected = Self.expectation(of: fault)
    let made = try TemporaryFolder()
    try await SQLiteStore.open(path: made.file("store.db"), now: TestStore.start).close()
    let calls = try await sweep(step: step) { call in
      let folder = try TemporaryFolder()
      for file in ["store.db", "store.db-wal"] {
        try FileManager.default.copyItem(atPath: made.file(file), toPath: folder.file(file))
      }
      let storage = try FaultyFolder(folder)
      let run = SmallRun(path: folder.file("store.db"), profile: profile)
      storage.arm(fault, at: call, lasting: isLasting)
      let error = await failure { try await run.live() }
      let failed = storage.disarm()
      try expect(error, failed: failed, codes: expected.codes, call: call)
      try checkDurable(run, call: call)
      // A new process, on storage that works again.
      try await run.live()
      #expect(Set(run.taken.keys) == run.expected, "call \(call): lost")
      #expect(Set(run.taken.values) == [1], "call \(call): taken twice")
      try checkFinished(run, call: call)
      if profile == .v1_3 { #expect(try ids(in: run) == run.expected, "call \(call): ids") }
      return failed > 0
    }
    #expect(calls >= expected.sending)
  }

  /// Tries one call after the other.
  ///
  /// - Returns: how many there are at most: the next one let a run pass untouched.
  private func sweep(
    step: Int, _ attempt: (_ call: Int) async throws -> Bool
  ) async throws -> Int {
    var call = 1
    while try await attempt(call) { call += step }
    return call - 1
  }

  private func expect(
    _ error: (any Error)?, failed: Int, codes: Set<StoreError.Code>, call: Int
  ) throws {
    guard let error else { return }
    let found = try #require(error as? StoreError, "call \(call): \(error)")
    #expect(failed > 0, "call \(call) did not fail: \(found)")
    #expect(codes.contains(found.code), "call \(call): \(found)")
    #expect(found.remedy != nil, "call \(call): \(found)")
  }

  /// What the store said to be durable is there, and what is there makes sense.
  private func checkDurable(_ run: SmallRun, call: Int) throws {
    #expect(try StoreAudit.problems(in: run.path) == [], "after call \(call)")
    guard run.isPlanned else { return }
    let states = try Raw.query("SELECT state FROM chunk ORDER BY number", in: run.path)
    #expect(states.count == SmallRun.chunks, "call \(call)")
    #expect(run.acceptances.allSatisfy { states[$0] == "accepted" }, "call \(call): \(states)")
    #expect(try run.ids.isSubset(of: ids(in: run)), "call \(call): ids")
  }

  private func ids(in run: SmallRun) throws -> Set<String> {
    Set(try Raw.query("SELECT external_id FROM attempt WHERE external_id IS NOT NULL", in: run.path))
  }

  private func checkFinished(_ run: SmallRun, call: Int) throws {
    #expect(
      try Raw.query("SELECT DISTINCT state FROM chunk UNION ALL SELECT state FROM run", in: run.path)
        == ["accepted", "finished"], "call \(call)")
    #expect(try StoreAudit.problems(in: run.path) == [], "after call \(call) and a resume")
  }

  private func failure(of body: () async throws -> Void) async -> (any Error)? {
    do {
      try await body()
      return nil
    } catch {
      return error
    }
  }
}
