import BatchDomain
import CSQLite
import Foundation
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Ownership of runs")
struct OwnershipTests {
  @Test("a lock is seen by others while it is held, and asking takes none")
  func seenByOthers() throws {
    let folder = try TemporaryFolder()
    let mine = try LockFile(besideDatabase: folder.file("x.db"))
    let theirs = try LockFile(besideDatabase: folder.file("x.db"))
    #expect(try mine.lockRun(7))
    #expect(try !mine.lockRun(7))
    #expect(try !theirs.lockRun(7))
    #expect(try theirs.lockRun(8))
    #expect(try theirs.isRunOwnedElsewhere(7))
    #expect(try !mine.isRunOwnedElsewhere(7))
    #expect(try mine.isRunOwned(7))
    #expect(try mine.firstRunOwnedElsewhere() == 8)
    mine.releaseRun(7)
    #expect(try !theirs.isRunOwned(7))
    #expect(try theirs.lockRun(7))
  }

  @Test("a lock file that may only be read is no matter of the file system")
  func readOnlyLock() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("", to: "a.lock")
    let descriptor = open(file, O_RDONLY)
    defer { close(descriptor) }
    let error = LockFile.failure(csqlite_lock(descriptor, 0, 1), file)
    #expect(error.message.hasSuffix("this user may read it and not write it"), "\(error)")
    #expect(LockFile.failure(ENOLCK, file).remedy?.description.contains("byte locks") == true)
  }

  @Test("a lock ends with the last descriptor, as it does when a process dies")
  func endsWithItsHolder() throws {
    let folder = try TemporaryFolder()
    let theirs = try LockFile(besideDatabase: folder.file("x.db"))
    do {
      let mine = try LockFile(besideDatabase: folder.file("x.db"))
      #expect(try mine.lockRun(1))
      #expect(try theirs.isRunOwnedElsewhere(1))
    }
    #expect(try !theirs.isRunOwnedElsewhere(1))
  }

  @Test("of many that race for a run, one gets it each time")
  func race() async throws {
    let store = try await TestStore()
    let rival = try await store.another()
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store.store, at: TestStore.start)
    try await session.release(as: .paused(.signal, detail: nil), at: TestStore.start)
    for _ in 0..<50 {
      let winners = await withTaskGroup(of: (any RunSession)?.self) { group in
        for store in [store.store, rival] {
          group.addTask {
            do {
              return try await store.take(session.run, isCancelling: false, at: TestStore.start)
            } catch {
              #expect((error as? StoreError)?.code == .owned)
              return nil
            }
          }
        }
        return await group.reduce(into: [any RunSession]()) { if let session = $1 { $0.append(session) } }
      }
      #expect(winners.count == 1)
      for winner in winners {
        try await winner.release(as: .paused(.signal, detail: nil), at: TestStore.start)
      }
    }
  }

  @Test("a run whose owner is gone is shown as paused by a crash, without anybody writing that")
  func crashIsSeen() async throws {
    let store = try await TestStore()
    let other = try await store.another()
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store.store, at: TestStore.start)
    #expect(try await other.summary(of: session.run).state == .running)
    store.store.engine.releaseRun(1)
    let summary = try await other.summary(of: session.run)
    #expect(summary.state == .paused)
    #expect(summary.reason == .crash)
    #expect(try Raw.query("SELECT state FROM run", in: store.path) == ["running"])
  }

  @Test("a run taken to be cancelled stays so for the process that takes it next")
  func cancellingStays() async throws {
    let store = try await TestStore()
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store.store, at: TestStore.start)
    try await session.release(as: .paused(.signal, detail: nil), at: TestStore.start)
    _ = try await store.store.take(session.run, isCancelling: true, at: TestStore.start)
    store.store.engine.releaseRun(1)
    let heir = try await store.store.take(session.run, isCancelling: false, at: TestStore.start)
    #expect(try await heir.standing().request == .cancel)
  }

  @Test("a run paused because the database lost changes asks about all that may have been sent")
  func lostChanges() async throws {
    let store = try await TestStore()
    let session = try await PlannedItems.plan(
      (0..<3).map { PlannedItems.source($0) }, chunkSize: 1, in: store.store, at: TestStore.start)
    let first = try #require(try await session.firstNeverSent())
    #expect(first.sequence == 0 && first.knownUntil == TestStore.start)
    guard case .chunk(let chunk) = try await session.claim(at: TestStore.start + .seconds(5)) else {
      Issue.record("nothing to claim")
      return
    }
    _ = try await session.record(
      AttemptRecord(
        of: chunk, finishedAt: TestStore.start + .seconds(6), took: .seconds(1), outcome: .accepted,
        status: 200,
        code: nil, message: nil, isCounted: false, event: .accepted))
    let second = try #require(try await session.firstNeverSent())
    #expect(second.sequence == 1 && second.knownUntil == TestStore.start + .seconds(5))
    try await session.release(as: .paused(.failedOver, detail: "older"), at: TestStore.start + .seconds(7))

    let later = TestStore.start + .seconds(3_600)
    let heir = try await store.store.take(session.run, isCancelling: false, at: later)
    #expect(try await heir.firstNeverSent() == nil)
    let unknown = try await heir.unknownChunks(after: nil, limit: 10)
    #expect(unknown.map(\.number) == [ChunkNumber(1), ChunkNumber(2)])
    #expect(unknown.map(\.code) == ["failed_over", "failed_over"])
    // What another copy sent was sent after the last attempt that this one has.
    #expect(unknown.allSatisfy { $0.startedAt == TestStore.start + .seconds(5) })
    #expect(try await heir.standing().counts.items(in: .accepted) == 1)
    let problems = try StoreAudit.problems(in: store.path)
    #expect(problems.isEmpty, "\(problems)")
    // Once only: what is found then is settled as any lost answer.
    try await heir.release(as: .paused(.signal, detail: nil), at: later)
    let next = try await store.store.take(session.run, isCancelling: false, at: later)
    #expect(try await next.unknownChunks(after: nil, limit: 10).map(\.attempt) == [1, 1])
  }

  @Test("a chunk whose items were changed behind the store is not sent")
  func damagedItems() async throws {
    let store = try await TestStore()
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0), PlannedItems.source(1)], chunkSize: 2, in: store.store, at: TestStore.start)
    try Raw.execute(
      "UPDATE item_block SET sources = replace(sources, '000001', '000009')", in: store.path)
    await #expect { _ = try await session.claim(at: TestStore.start) } throws: {
      ($0 as? StoreError)?.code == .damaged
    }
    #expect(try Raw.query("SELECT state FROM chunk", in: store.path) == ["pending"])
  }
}
