import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Requests to the owner of a run")
struct RequestTests {
  private func plan(_ store: SQLStore) async throws -> any RunSession {
    try await PlannedItems.plan(
      (0..<2).map { PlannedItems.source($0) }, chunkSize: 1, in: store, at: TestStore.start)
  }

  private func requests(in store: TestStore) throws -> [String] {
    try Raw.query("SELECT coalesce(request, '-') || cancelling FROM run", in: store.path)
  }

  private func end(_ session: any RunSession, failing: Bool) async throws {
    while case .chunk(let chunk) = try await session.claim(at: TestStore.start) {
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: TestStore.start, took: .zero, outcome: failing ? .notProcessed : .accepted,
          status: 503, code: nil, message: nil, isCounted: true, event: failing ? .exhausted : .accepted))
    }
    try await session.release(as: .finished, at: TestStore.start)
  }

  @Test("a cancellation that comes after the end leaves nothing that a later retry would follow")
  func cancelTooLate() async throws {
    let store = try await TestStore()
    let session = try await plan(store.store)
    try await end(session, failing: true)
    #expect(try await store.another().requestCancel(of: session.run) == .noOwner)
    #expect(try requests(in: store) == ["-0"])
    let later = try await store.store.take(session.run, isCancelling: false, at: TestStore.start)
    #expect(try await later.standing().request == nil)
    let retried = try await later.retry([.failed])
    #expect(retried.request == nil)
    #expect(retried.moved.chunks(in: .pending) == 2)
  }

  @Test("a cancellation that its owner did not see before the end is gone with the end")
  func cancelAgainstTheEnd() async throws {
    let store = try await TestStore()
    let session = try await plan(store.store)
    #expect(try await store.another().requestCancel(of: session.run) == .delivered)
    #expect(try await session.request() == .cancel)
    try await end(session, failing: true)
    #expect(try requests(in: store) == ["-0"])
  }

  @Test("a request ends with the process it was made of", arguments: RunRequest.allCases)
  func deadOwner(request: RunRequest) async throws {
    let store = try await TestStore()
    let other = try await store.another()
    let session = try await plan(store.store)
    #expect(try await other.ask(request, of: session.run) == .delivered)
    store.store.engine.releaseRun(1)
    // Nobody is there to be asked, whatever the row says.
    #expect(try await other.ask(request, of: session.run) == .noOwner)
    let heir = try await store.store.take(session.run, isCancelling: false, at: TestStore.start)
    #expect(try await heir.standing().request == nil)
    #expect(try requests(in: store) == ["-0"])
    #expect(try await other.ask(request, of: session.run) == .delivered)
    #expect(try await heir.request() == request)
  }

  @Test(
    "a request that comes while a run is being taken over is the new owner's", arguments: RunRequest.allCases)
  func takeOver(request: RunRequest) async throws {
    let store = try await TestStore()
    let other = try await store.another()
    let session = try await plan(store.store)
    store.store.engine.releaseRun(1)
    let heir = try LockFile(besideDatabase: store.path)
    let asking = try await heir.whileTaking {
      #expect(try heir.lockRun(1))
      let asking = Task { try await other.ask(request, of: session.run) }
      // Room for a request that does not wait to be there; one turn, since what waits does not wait for ever.
      await Task.yield()
      try Raw.execute("UPDATE run SET request = NULL, owner = owner + 1", in: store.path)
      return asking
    }
    #expect(try await asking.value == .delivered)
    #expect(try requests(in: store) == ["\(request.rawValue)0"])
  }

  @Test("a request to pause never replaces one to cancel, and is replaced by it")
  func cancelIsStronger() async throws {
    let store = try await TestStore()
    let other = try await store.another()
    let session = try await plan(store.store)
    #expect(try await other.requestPause(of: session.run) == .delivered)
    #expect(try await session.request() == .pause)
    #expect(try await other.requestCancel(of: session.run) == .delivered)
    #expect(try await other.requestPause(of: session.run) == .outranked)
    #expect(try await other.requestCancel(of: session.run) == .delivered)
    #expect(try await session.request() == .cancel)
  }

  @Test("what an owner began to cancel goes on being cancelled when it dies")
  func followed() async throws {
    let store = try await TestStore()
    let other = try await store.another()
    let session = try await plan(store.store)
    let chunk = try await session.claim(at: TestStore.start)
    guard case .chunk = chunk else { throw StoreError(.conflict, "nothing to claim") }
    _ = try await other.requestCancel(of: session.run)
    _ = try await session.cancelPending()
    store.store.engine.releaseRun(1)
    let heir = try await store.store.take(session.run, isCancelling: false, at: TestStore.start)
    #expect(try await heir.request() == .cancel)
    #expect(try await heir.standing().request == .cancel)
    #expect(try await other.requestPause(of: session.run) == .outranked)
    try await heir.release(as: .cancelled, at: TestStore.start)
    #expect(try requests(in: store) == ["-0"])
  }
}
