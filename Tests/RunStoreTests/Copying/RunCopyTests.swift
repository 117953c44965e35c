import BatchDomain
import Foundation
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("A run is copied from one store to another")
struct RunCopyTests {
  private let scene = CopyScene()

  private func refusal(_ call: () async throws -> Void) async -> StoreError? {
    do {
      try await call()
      return nil
    } catch {
      return error as? StoreError
    }
  }

  @Test("both stores say the same of it, but where it goes on", arguments: 0..<24 as Range<UInt64>)
  func same(seed: UInt64) async throws {
    let (one, two) = (try await TestStore(), try await TestStore())
    let run = try await scene.tell(one.store, seed: seed)
    let before = try await scene.answers(run, in: one.store)
    try await scene.copy(run, from: one.store, to: two.store)
    #expect(try await scene.answers(run, in: two.store) == before)
    #expect(try StoreAudit.problems(in: two.path) == [])
    let left = try await one.store.summary(of: run)
    #expect(left.state == .cancelled && left.reason == .copied && left.detail == "two.db")
    #expect(left.finishedAt == CopyClock().now())
    #expect(try await one.store.audit(run, listing: 9).problems == [])
    let there = try await two.store.summary(of: run)
    #expect(left.counts == there.counts)
    // And back to a third one.
    let three = try await TestStore()
    try await scene.copy(run, from: two.store, to: three.store, "three.db")
    #expect(try await scene.answers(run, in: three.store) == before)
  }

  @Test("every column of every table is copied, or known not to be")
  func everyColumn() async throws {
    let store = try await TestStore()
    let columns = try Raw.query(
      """
      SELECT t.name || '.' || c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
      WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY 1
      """, in: store.path)
    var copied: Set<String> = ["item_block.position", "item_block.item_count", "item_block.in_wire_form"]
    copied.formUnion(["item_block.checksum", "item_block.sources", "item_block.layouts"])
    for table in CopiedTables.all + [CopiedTables.run] {
      copied.formUnion(table.columns.map { "\(table.name).\($0.name)" })
      copied.insert("\(table.name).run")
    }
    copied.formUnion(["state", "reason", "reason_detail", "finished_at"].map { "run.\($0)" })
    // A wait goes with the run; what a budget counted belongs to the store.
    copied.formUnion(["budget.wait_until", "budget.wait_reason", "budget.wait_ms"])
    let others: Set<String> = [
      // Found by what they stand for, or made anew.
      "run.id", "origin.id", "origin.url", "destination.id", "destination.url", "tracked_listing.id",
      "tally.run", "tally.state", "tally.chunks", "tally.items", "tracked_tally.run", "tracked_tally.state",
      "tracked_tally.items",
      // Nobody owns the run, nothing of it is under way, and nobody asks it for anything.
      "chunk.owner", "run.request", "run.cancelling",
      // Of the store.
      "budget.origin", "budget.step", "budget.intents", "budget.removals", "look_request.id",
      "look_request.requested_at", "migration.number", "migration.name", "migration.checksum",
      "migration.applied_at",
    ]
    let ofStore = ["known_", "removed_run.", "rate_share.", "migration."]
    let forgotten = columns.filter { column in
      !copied.contains(column) && !others.contains(column) && !ofStore.contains { column.hasPrefix($0) }
    }
    #expect(forgotten == [])
  }

  @Test("what was copied is not resumed, settled, changed, cancelled or copied again where it was")
  func refused() async throws {
    let (one, two, three) = (try await TestStore(), try await TestStore(), try await TestStore())
    let run = try await scene.tell(one.store, seed: 1)
    let settings = try await one.store.settings(of: run)
    try await scene.copy(run, from: one.store, to: two.store)
    let calls: [(String, () async throws -> Void)] = [
      ("resume", { _ = try await one.store.take(run, isCancelling: false, at: CopyScene.start) }),
      ("cancel", { _ = try await one.store.take(run, isCancelling: true, at: CopyScene.start) }),
      (
        "worker",
        { _ = try await one.store.take(run, isCancelling: false, isUnattended: true, at: CopyScene.start) }
      ),
      ("change", { try await one.store.change(settings, of: run) }),
      ("copy again", { try await scene.copy(run, from: one.store, to: two.store) }),
      ("copy elsewhere", { try await scene.copy(run, from: one.store, to: three.store) }),
    ]
    for (name, call) in calls {
      let error = try #require(await refusal(call), "\(name)")
      #expect(error.code == .wrongState, "\(name)")
      #expect(error.message.contains("run \(run) was copied to two.db on "), "\(name): \(error.message)")
      #expect(error.remedy?.description == "`orchestrate resume \(run) --db two.db` continues it", "\(name)")
    }
    #expect(try await three.store.summaries(before: nil, limit: 9).isEmpty)
    #expect(try await one.store.runsToTake().allSatisfy { $0 != run })
    // It goes on where it was copied to.
    let session = try await two.store.take(run, isCancelling: false, at: CopyScene.start)
    try await session.release(as: .paused(.signal, detail: nil), at: CopyScene.start)
    // And does not come back to where it is.
    let error = await refusal {
      try await scene.copy(run, from: two.store, "two.db", to: one.store, "one.db")
    }
    #expect(error?.message == "one.db has a run \(run) already")
  }

  @Test("a run that is owned, planned or being cancelled is left alone")
  func leftAlone() async throws {
    let (one, two) = (try await TestStore(), try await TestStore())
    let sources = (0..<6).map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      sources, chunkSize: 2, in: one.store, at: CopyScene.start, digest: PlannedItems.digest(of: sources))
    let other = try await one.another()
    #expect(await refusal { try await scene.copy(session.run, from: other, to: two.store) }?.code == .owned)
    // Its process dies while it cancels it.
    _ = try await session.cancelPending()
    one.store.engine.releaseRun(1)
    let cancelled = await refusal { try await scene.copy(session.run, from: other, to: two.store) }
    #expect(
      cancelled?.message == "run \(session.run) is being cancelled: its process died before that was done")
    let planning = try await one.store.plan(
      RunDraft(
        createdAt: CopyScene.start, random: 5, name: nil, job: nil, manifest: "-", manifestFile: nil,
        settings: RunSettings()))
    one.store.engine.releaseRun(2)
    let unplanned = await refusal { try await scene.copy(planning.run, from: other, to: two.store) }
    #expect(unplanned?.message.contains("was not planned to its end") == true)
    #expect(try await two.store.summaries(before: nil, limit: 9).isEmpty)
  }

  @Test("what a dead owner had under way is unknown in both, and only what was pending is sent")
  func deadOwner() async throws {
    let (one, two) = (try await TestStore(), try await TestStore())
    let sources = (0..<6).map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      sources, chunkSize: 2, in: one.store, at: CopyScene.start, digest: PlannedItems.digest(of: sources))
    try await session.end(try await session.next(), .accepted, .accepted)
    _ = try await session.next()
    one.store.engine.releaseRun(1)
    let other = try await one.another()
    try await scene.copy(session.run, from: other, to: two.store)
    for store in [other, two.store] {
      let counts = try await store.summary(of: session.run).counts
      #expect(
        counts.items(in: .unknown) == 2 && counts.items(in: .pending) == 2 && counts.items(in: .accepted) == 2
      )
      #expect(try await store.audit(session.run, listing: 9).problems == [])
    }
    let there = try await two.store.summary(of: session.run)
    #expect(there.state == .paused && there.reason == .signal)
    let resumed = try await two.store.take(session.run, isCancelling: false, at: CopyClock().now())
    #expect(try await resumed.next().firstItem == 4)
    guard case .none = try await resumed.claim(at: CopyClock().now()) else {
      Issue.record("more was pending than was left")
      return
    }
  }

  @Test("accepted items are known in both stores, and open ones are left out in both")
  func known() async throws {
    let (one, two) = (try await TestStore(), try await TestStore())
    let sources = (0..<6).map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      sources, chunkSize: 2, in: one.store, at: CopyScene.start, digest: PlannedItems.digest(of: sources))
    try await session.end(try await session.next(), .accepted, .accepted)
    try await session.release(as: .paused(.signal, detail: nil), at: CopyScene.start)
    try await scene.copy(session.run, from: one.store, to: two.store)
    for store in [one.store, two.store] {
      #expect(try await store.indexKnownItems(isStopped: { false }))
      let known = try await RemovalScene().known(sources + [PlannedItems.source(7)], in: store)
      #expect(known.counts == [.accepted: 2, .open: 4, .new: 1])
    }
    // Requests of the last day count in both.
    for store in [one.store, two.store] {
      let use = try await store.budgetUse(
        of: "https://api.twelvelabs.io", from: CopyScene.start + .seconds(-1),
        to: CopyScene.start + .seconds(60))
      #expect(!use.isEmpty)
    }
  }

  @Test("what was copied can be removed where it was, and what is not complete is left alone")
  func removed() async throws {
    let (one, two) = (try await TestStore(), try await TestStore())
    let removal = RemovalScene()
    let session = try await removal.sent(removal.sources(0..<6), in: one.store, random: 1, stoppingAfter: 3)
    try await session.release(as: .paused(.signal, detail: nil), at: RemovalScene.start)
    #expect(try await removal.prune(one.store)[session.run]?.kept == .unfinished)
    try await scene.copy(session.run, from: one.store, to: two.store)
    #expect(try await removal.prune(one.store)[session.run]?.kept == nil)
    #expect(try await !one.store.exists(session.run))
    #expect(try await removal.prune(two.store)[session.run]?.kept == .unfinished)
    // It may come back then.
    try await scene.copy(session.run, from: two.store, "two.db", to: one.store, "one.db")
    #expect(try await one.store.summary(of: session.run).state == .paused)
    #expect(try await one.store.audit(session.run, listing: 9).problems == [])
    #expect(try StoreAudit.problems(in: one.path) == [])
  }

  @Test("a run that comes in is seen by nobody, and what is left of it goes with the next removal or copy")
  func hidden() async throws {
    let (one, two) = (try await TestStore(), try await TestStore())
    let run = try await scene.tell(one.store, seed: 3)
    let before = try await scene.answers(run, in: one.store)
    let departure = try await one.store.depart(run)
    let arrival = try await two.store.receive(departure.head, from: "one.db", at: CopyClock().now())
    let first = try #require(try await departure.records(after: nil))
    try await arrival.add(first.records)
    #expect(try await two.store.summaries(before: nil, limit: 9).isEmpty)
    let error = await refusal { _ = try await two.store.summary(of: run) }
    #expect(error?.code == .noSuchRun)
    #expect(error?.message == "run \(run) is being copied here from one.db, or that was cut off")
    // A live process copies it.
    let other = try await two.another()
    #expect(
      await refusal { _ = try await other.receive(departure.head, from: "one.db", at: CopyClock().now()) }?
        .code == .owned)
    #expect(try await RemovalScene().prune(other)[run]?.kept == .live)
    // It dies.
    let row = try #require(Int64(Raw.query("SELECT id FROM run WHERE run_id = '\(run)'", in: two.path)[0]))
    two.store.engine.releaseRun(row)
    try await departure.stay()
    #expect(try await scene.answers(run, in: one.store) == before)
    try await RemovalScene().prune(other, at: CopyClock().now() + .seconds(99 * 86_400))
    #expect(
      try Raw.query("SELECT count(*) FROM item_block WHERE position >> 40 = \(row)", in: two.path) == ["0"])
    try await scene.copy(run, from: one.store, to: other)
    #expect(try await scene.answers(run, in: other) == before)
    #expect(try StoreAudit.problems(in: two.path) == [])
  }

  @Test("a run that was shown and went on where it was is copied anew")
  func wentOn() async throws {
    let (one, two) = (try await TestStore(), try await TestStore())
    let sources = (0..<6).map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      sources, chunkSize: 2, in: one.store, at: CopyScene.start, digest: PlannedItems.digest(of: sources))
    try await session.release(as: .paused(.signal, detail: nil), at: CopyScene.start)
    let departure = try await one.store.depart(session.run)
    let arrival = try await two.store.receive(departure.head, from: "one.db", at: CopyClock().now())
    var mark: RunRecords.Mark?
    while let page = try await departure.records(after: mark) {
      try await arrival.add(page.records)
      mark = page.mark
    }
    try await arrival.show(at: CopyClock().now())
    // The process dies; both see the run, and only one resumes it.
    try await arrival.release()
    try await departure.stay()
    #expect(
      await refusal { _ = try await two.store.take(session.run, isCancelling: true, at: CopyScene.start) }?
        .message
        == "run \(session.run) is being copied here from one.db, or that was cut off")
    #expect(
      try await RemovalScene().prune(two.store, at: CopyScene.start + .seconds(900 * 86_400))[session.run]?
        .kept == .unfinished)
    let resumed = try await one.store.take(session.run, isCancelling: false, at: CopyScene.start)
    try await resumed.end(try await resumed.next(), .accepted, .accepted)
    try await resumed.release(as: .paused(.signal, detail: nil), at: CopyScene.start)
    let before = try await scene.answers(session.run, in: one.store)
    try await scene.copy(session.run, from: one.store, to: two.store)
    #expect(try await scene.answers(session.run, in: two.store) == before)
    #expect(try Raw.query("SELECT count(DISTINCT position >> 40) FROM item_block", in: two.path) == ["1"])
  }

  @Test("items that are damaged are not copied")
  func damaged() async throws {
    let (one, two) = (try await TestStore(), try await TestStore())
    let run = try await scene.tell(one.store, seed: 4)
    try Raw.execute(
      "UPDATE item_block SET sources = replace(sources, 'en', 'fr') WHERE position = (SELECT max(position) FROM item_block)",
      in: one.path)
    #expect(await refusal { try await scene.copy(run, from: one.store, to: two.store) }?.code == .damaged)
    #expect(try await two.store.summaries(before: nil, limit: 9).isEmpty)
    #expect(try Raw.query("SELECT count(*) FROM run", in: two.path) == ["0"])
    let session = try await one.store.take(run, isCancelling: false, at: CopyScene.start)
    try await session.release(as: .paused(.signal, detail: nil), at: CopyScene.start)
  }

  // MARK: Errors of the system

  private func copyOnce(_ run: RunID, _ one: String, _ two: String) async throws {
    let source = try await SQLiteStore.open(path: one, now: CopyClock().now())
    do {
      let destination = try await SQLiteStore.open(path: two, now: CopyClock().now())
      func end() async throws {
        for row in 1...3 { destination.engine.releaseRun(Int64(row)) }
        try await destination.close()
      }
      do { try await scene.copy(run, from: source, to: destination) } catch {
        try await end()
        throw error
      }
      try await end()
    } catch {
      for row in 1...3 { source.engine.releaseRun(Int64(row)) }
      try await source.close()
      throw error
    }
    try await source.close()
  }

  @Test(
    "whatever call fails, the run can be resumed in one store at most, and the next copy completes it",
    arguments: FaultyFolder.Fault.allCases.flatMap { fault in [false, true].map { (fault, $0) } })
  func everyCall(fault: FaultyFolder.Fault, isLasting: Bool) async throws {
    let origin = try TemporaryFolder()
    let made = try await SQLiteStore.open(path: origin.file("one.db"), now: CopyScene.start)
    let run = try await scene.tell(made, seed: 6)
    let before = try await scene.answers(run, in: made)
    try await made.close()
    var endings: Set<String> = []
    var call = 1
    var wasTouched = true
    while wasTouched {
      let folder = try TemporaryFolder()
      for file in ["one.db", "one.db-wal"] {
        try FileManager.default.copyItem(atPath: origin.file(file), toPath: folder.file(file))
      }
      let (one, two) = (folder.file("one.db"), folder.file("two.db"))
      try await SQLiteStore.open(path: two, now: CopyScene.start).close()
      let storage = try FaultyFolder(folder)
      storage.arm(fault, at: call, lasting: isLasting)
      do {
        try await copyOnce(run, one, two)
        endings.insert("copied")
      } catch {
        let found = try #require(error as? StoreError, "call \(call): \(error)")
        endings.insert(found.code.rawValue)
      }
      wasTouched = storage.disarm() > 0
      let what: Comment = "\(fault) at call \(call)"
      let (source, destination) = (
        try await SQLiteStore.open(path: one, now: CopyScene.start),
        try await SQLiteStore.open(path: two, now: CopyScene.start)
      )
      let here = try await source.summary(of: run)
      let there = try await destination.summaries(before: nil, limit: 9)
      let resumable = [here] + there
      #expect(resumable.filter { $0.state == .paused || $0.state == .finished }.count <= 1, what)
      if here.reason != .copied { #expect(try await scene.answers(run, in: source) == before, what) }
      try await source.close()
      try await destination.close()
      if there.first?.state != .paused || here.reason != .copied { try await copyOnce(run, one, two) }
      let done = try await SQLiteStore.openForReading(path: two)
      #expect(try await done.audit(run, listing: 9).problems == [], what)
      #expect(try await done.summary(of: run).state == .paused, what)
      #expect(try StoreAudit.problems(in: two) == [], what)
      try await done.close()
      call += max(1, call / 5)
    }
    // Files are opened and locks are waited for in other ways than a copy ends with: the others are seen.
    #expect(endings.contains("copied"))
    #expect(!isLasting || fault == .deleteError || endings.count > 1, "\(endings)")
  }
}
