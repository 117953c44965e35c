import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

/// Two stores on one file are to each other what two processes are: each has a lock file of its own.
@Suite("Racing for a run", .timeLimit(.minutes(10)))
struct TakeOverRaceTests {
  private static let rounds = 1_000

  @Test("of two processes that race to resume a run a thousand times, one owns it each time")
  func race() async throws {
    let folder = try TemporaryFolder()
    let storage = try FaultyFolder(folder)
    defer { withExtendedLifetime(storage) {} }
    let path = folder.file("store.db")
    let rivals = [
      try await SQLiteStore.open(path: path, now: TestStore.start),
      try await SQLiteStore.open(path: path, now: TestStore.start),
    ]
    let planned = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: rivals[0], at: TestStore.start)
    try await planned.release(as: .paused(.signal, detail: nil), at: TestStore.start)
    var wins = [0, 0]
    for round in 0..<Self.rounds {
      let outcomes = await withTaskGroup(of: (rival: Int, outcome: Result<any RunSession, any Error>).self) {
        group in
        // Who is started first changes from round to round.
        for rival in [round % 2, 1 - round % 2] {
          group.addTask {
            do {
              let session = try await rivals[rival].take(
                planned.run, isCancelling: false, at: TestStore.start)
              return (rival, .success(session))
            } catch {
              return (rival, .failure(error))
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      var owners: [(rival: Int, session: any RunSession)] = []
      for (rival, outcome) in outcomes {
        switch outcome {
        case .success(let session): owners.append((rival, session))
        case .failure(let error): #expect((error as? StoreError)?.code == .owned, "round \(round): \(error)")
        }
      }
      try #require(owners.count == 1, "round \(round)")
      wins[owners[0].rival] += 1
      // Every other owner dies without leaving: the next has to take over from the dead.
      if round % 2 == 0 {
        try await owners[0].session.release(as: .paused(.signal, detail: nil), at: TestStore.start)
      } else {
        rivals[owners[0].rival].engine.releaseRun(1)
      }
    }
    #expect(wins[0] > 0 && wins[1] > 0)
    // Planning owns it once, and each round once.
    #expect(try Raw.query("SELECT owner FROM run", in: path) == ["\(Self.rounds + 1)"])
  }
}
