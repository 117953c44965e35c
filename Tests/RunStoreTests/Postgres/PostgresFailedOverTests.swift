import BatchDomain
import StoreCore
import TestSupport
import Testing

// What is left of a run after another server took the place of the one that had confirmed its changes.

extension PostgresTakeOverTests {
  /// As after a failover to a standby that was promoted: the last owner worked with another history of the server.
  private func changeServer(of store: SQLStore) async throws {
    try await store.database.write { connection in try connection.run("UPDATE run SET server = '1/1'") }
  }

  /// As after a failover to a standby that was behind when a process took a run that waited for a worker.
  private func loseTakeOver(_ store: SQLStore) async throws {
    try await store.database.read { connection in
      try connection.execute(
        """
        UPDATE run SET state = 'paused', reason = 'detached', owner = owner - 1, worker = NULL, server = '1/1';
        UPDATE transaction_mark SET number = number - 1
        """)
    }
  }

  /// Claims until the process finds that changes were lost; the first use of a connection may fail in another way.
  private func expectLost(_ session: any RunSession) async throws {
    for _ in 0..<3 {
      do {
        _ = try await session.claim(at: start)
      } catch let error as StoreError where error.code == .lostChanges {
        return
      } catch let error as StoreError where error.code == .unreachable {
        continue
      }
    }
    Issue.record("expected the process to find that changes were lost")
  }

  @Test("settings that are changed after a failover do not hide it")
  func changedAfterFailover() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old, items: 3)
    _ = try await claimed(mine)
    try await changeServer(of: new.store)
    var settings = mine.settings
    settings.concurrency = 1
    try await new.store.change(settings, of: mine.run)
    let left = try await new.store.summary(of: mine.run)
    #expect(left.state == .paused && left.reason == .failedOver)
    #expect(try await new.store.runsToTake().isEmpty)
    try await expectSound(new.store, mine.run)

    let resumed = try await new.store.take(mine.run, isCancelling: false, at: start)
    #expect(resumed.settings.concurrency == 1)
    #expect(try await counts(new.store, mine.run) == [.submitting: 3])
    try await expectSound(new.store, mine.run)
  }

  @Test("a failover that a worker finds is on record with the change that finds it")
  func foundInOneChange() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old, items: 2)
    _ = try await claimed(mine)
    try await changeServer(of: new.store)
    try await new.store.database.write { connection in
      try connection.execute(
        """
        CREATE TABLE change_of_run (number bigint);
        CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN INSERT INTO change_of_run VALUES (txid_current()); RETURN NULL; END $$;
        CREATE TRIGGER note_change AFTER UPDATE ON run FOR EACH ROW EXECUTE FUNCTION note_change()
        """)
    }
    await #expect {
      _ = try await new.store.take(mine.run, isCancelling: false, isUnattended: true, at: start)
    } throws: {
      ($0 as? StoreError)?.code == .wrongState
    }
    let left = try await new.store.summary(of: mine.run)
    #expect(left.state == .paused && left.reason == .failedOver)
    let changes = try await new.store.database.read { connection in
      try connection.first("SELECT count(DISTINCT number) FROM change_of_run") { $0.int(0) }
    }
    #expect(changes == 1)
    // The next worker leaves it alone, too, and nobody owns it.
    #expect(try await new.store.runsToTake().isEmpty)
    _ = try await new.store.take(mine.run, isCancelling: false, at: start)
  }

  @Test("a process whose take-over was lost leaves the run, which waits for a worker again, to a person")
  func lostTakeOver() async throws {
    let target = try target()
    let old = try await machine(target, "a")
    let planned = try await plan(on: old, items: 3)
    try await planned.release(as: .paused(.detached, detail: nil), at: start)
    let mine = try await old.store.take(planned.run, isCancelling: false, at: start)
    try await loseTakeOver(old.store)
    try await expectLost(mine)
    // What the loop asks for before it gives the run back.
    #expect(try await mine.standing().counts.openChunks == 3)
    try await mine.release(as: .paused(.failedOver, detail: "changes were lost"), at: start)

    let new = try await machine(target, "b")
    let left = try await new.store.summary(of: mine.run)
    #expect(left.state == .paused && left.reason == .failedOver)
    #expect(try await new.store.runsToTake().isEmpty)
    let resumed = try await new.store.take(mine.run, isCancelling: false, at: start)
    #expect(resumed.isHeir)
    #expect(try await counts(new.store, mine.run) == [.submitting: 3])
    try await expectSound(new.store, mine.run)
  }

  @Test("a process whose take-over was lost does not disturb the one that took the run since")
  func takenSince() async throws {
    let target = try target()
    let old = try await machine(target, "a")
    let planned = try await plan(on: old, items: 2)
    try await planned.release(as: .paused(.detached, detail: nil), at: start)
    let mine = try await old.store.take(planned.run, isCancelling: false, at: start)
    try await loseTakeOver(old.store)
    let new = try await machine(target, "b")
    // It gets the number that the first one had.
    let theirs = try await new.store.take(mine.run, isCancelling: false, at: start)
    let chunk = try await claimed(theirs)
    try await expectLost(mine)
    await #expect {
      try await mine.release(as: .paused(.failedOver, detail: "changes were lost"), at: start)
    } throws: {
      ($0 as? StoreError)?.code == .owned
    }
    #expect(try await new.store.summary(of: mine.run).state == .running)
    _ = try await theirs.record(accepted(chunk))
    try await expectSound(new.store, mine.run)
  }

  @Test("after a failover a late word says nothing of what an owner before the last one had under way")
  func inheritedBeforeFailover() async throws {
    let target = try target()
    let (first, second) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: first, items: 2)
    // Recorded, and never sent.
    first.clock.leap(.seconds(6), afterReadings: 1)
    await #expect(throws: StoreError.self) { _ = try await mine.claim(at: start) }
    let theirs = try await second.store.take(mine.run, isCancelling: false, at: start)
    #expect(try await counts(second.store, mine.run) == [.submitting: 1, .pending: 1])
    // The second one settles it and sends it again, in changes that are lost, and dies.
    try await changeServer(of: second.store)
    let third = try await machine(target, "c")
    let heir = try await third.store.take(theirs.run, isCancelling: false, at: start)
    #expect(try await counts(third.store, mine.run) == [.submitting: 2])
    try await expectSound(third.store, mine.run)

    // The first one is back.
    await #expect {
      _ = try await mine.claim(at: start)
    } throws: {
      ($0 as? StoreError)?.code == .owned
    }
    #expect(try await heir.inherit(at: start).isEmpty)
    #expect(try await counts(third.store, mine.run) == [.submitting: 2])
    third.clock.pass(.seconds(3_600))
    #expect(try await heir.inherit(at: start).map(\.event) == [.answerLost])
    let unknown = try await heir.unknownChunks(after: nil, limit: 10)
    #expect(unknown.map(\.code) == ["failed_over", "failed_over"])
    #expect(unknown.map(\.attempt) == [2, 1])
    try await expectSound(third.store, mine.run)
  }
}
