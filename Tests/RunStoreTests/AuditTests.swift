import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Audit of a run")
struct AuditTests {
  /// Damage done behind the store's back, and what names it.
  struct Damage: Sendable {
    let name: String
    let sql: String
    let check: AuditProblem.Check
    let row: String
    let says: String
  }

  static let first = Int64(1) << 40

  /// Takes item 5 out of the row that items 4 to 7 have.
  static let removeItem5 =
    "UPDATE item_block SET sources = json_remove(sources, '$[1]') WHERE position = \(first + 4)"

  static let damages: [Damage] = [
    // Items.
    Damage(
      name: "a row of items is gone", sql: "DELETE FROM item_block WHERE position = \(first + 4)",
      check: .items,
      row: "items 4 to 7", says: "missing"),
    Damage(
      name: "the last items are gone", sql: "DELETE FROM item_block WHERE position >= \(first + 36)",
      check: .items,
      row: "items 36 to 39", says: "missing"),
    Damage(
      name: "an item is gone from its row", sql: removeItem5, check: .items, row: "the row of item 4",
      says: "has 3 items, expected 4"),
    Damage(
      name: "a row says that it has fewer items",
      sql: "UPDATE item_block SET item_count = 3 WHERE position = \(first + 4)", check: .items, row: "item 7",
      says: "missing"),
    Damage(
      name: "a row says that it has more items than it has",
      sql: "UPDATE item_block SET item_count = 1 << 50 WHERE position = \(first + 4)", check: .items,
      row: "the row of item 4", says: "has 4 items"),
    Damage(
      name: "another checksum", sql: "UPDATE item_block SET checksum = 1 WHERE position = \(first + 4)",
      check: .items, row: "the row of item 4", says: "checksum"),
    Damage(
      name: "an item is there twice",
      sql: "INSERT INTO item_block VALUES (\(first + 5), 1, 0, NULL, '[{}]', NULL)",
      check: .items,
      row: "item 5", says: "twice"),
    Damage(
      name: "an item too many",
      sql: "INSERT INTO item_block VALUES (\(first + 40), 1, 0, NULL, '[{}]', NULL)",
      check: .items,
      row: "item 40", says: "40 items"),
    Damage(
      name: "how items were written",
      sql: "UPDATE item_block SET layouts = zeroblob(20) WHERE position = \(first + 4)", check: .items,
      row: "the row of item 4", says: "how its items were written"),
    Damage(
      name: "the digest of the manifest", sql: "UPDATE run SET manifest_digest = zeroblob(32)",
      check: .manifestDigest, row: "run", says: "0000"),
    Damage(
      name: "another text of an item",
      sql: "UPDATE item_block SET sources = replace(sources, 'en', 'de') WHERE position = \(first + 4)",
      check: .digest,
      row: "chunk 1", says: "digest"),
    Damage(
      name: "an item of a chunk is gone", sql: removeItem5, check: .digest,
      row: "chunk 1", says: "3 items"),
    Damage(
      name: "the digest of a chunk", sql: "UPDATE chunk SET digest = zeroblob(32) WHERE number = 2",
      check: .digest, row: "chunk 2", says: "digest"),
    Damage(
      name: "the size of a chunk", sql: "UPDATE chunk SET byte_count = 1 WHERE number = 2", check: .digest,
      row: "chunk 2", says: "bytes"),
    // Ranges.
    Damage(
      name: "a chunk is gone", sql: "DELETE FROM chunk WHERE number = 4", check: .coverage,
      row: "items 16 to 19", says: "no chunk"),
    Damage(
      name: "the last chunk is gone", sql: "DELETE FROM chunk WHERE number = 13", check: .coverage,
      row: "items 38 to 39", says: "no chunk"),
    Damage(
      name: "two chunks have an item", sql: "UPDATE chunk SET first_item = 3 WHERE number = 1",
      check: .coverage,
      row: "chunk 1", says: "item 3, which chunk 0 has"),
    Damage(
      name: "a chunk reaches too far", sql: "UPDATE chunk SET item_count = 3 WHERE number = 13",
      check: .coverage, row: "chunk 13", says: "item 40"),
    Damage(
      name: "a chunk begins at the largest number",
      sql: "UPDATE chunk SET first_item = 9223372036854775807 WHERE number = 13", check: .coverage,
      row: "items 38 to 9223372036854775806", says: "no chunk"),
    Damage(
      name: "a chunk has the largest number of items, and another one is in its state",
      sql: "UPDATE chunk SET item_count = 9223372036854775807 WHERE number = 9", check: .totals,
      row: "the tally of state split", says: "expected 2 and 9,223,372,036,854,775,807"),
    Damage(
      name: "a child begins at the largest number",
      sql: "UPDATE chunk SET first_item = 9223372036854775807 WHERE number = 11", check: .children,
      row: "chunk 11", says: "chunk 8"),
    Damage(
      name: "a child is gone", sql: "DELETE FROM chunk WHERE number = 11", check: .children, row: "chunk 8",
      says: "32 to 35"),
    Damage(
      name: "all children are gone", sql: "DELETE FROM chunk WHERE number IN (10, 11)", check: .children,
      row: "chunk 8", says: "no children"),
    Damage(
      name: "a child out of its parent", sql: "UPDATE chunk SET item_count = 3 WHERE number = 11",
      check: .children, row: "chunk 11", says: "chunk 8"),
    Damage(
      name: "a child without a parent", sql: "UPDATE chunk SET parent = 99 WHERE number = 11",
      check: .children,
      row: "chunk 11", says: "99"),
    Damage(
      name: "a child of a later chunk", sql: "UPDATE chunk SET parent = 9 WHERE number = 5", check: .children,
      row: "chunk 5", says: "made before"),
    Damage(
      name: "a parent that is not split", sql: "UPDATE chunk SET state = 'unknown' WHERE number = 8",
      check: .children, row: "chunk 8", says: "is unknown and has the child 10"),
    Damage(
      name: "split without children", sql: "UPDATE chunk SET state = 'split' WHERE number = 4",
      check: .children,
      row: "chunk 4", says: "no children"),
    // States.
    Damage(
      name: "pending after an acceptance", sql: "UPDATE chunk SET state = 'pending' WHERE number = 0",
      check: .state, row: "chunk 0", says: "is pending, expected accepted"),
    Damage(
      name: "accepted without one", sql: "UPDATE chunk SET state = 'accepted' WHERE number = 4",
      check: .state,
      row: "chunk 4", says: "is accepted"),
    Damage(
      name: "accepted and never sent", sql: "UPDATE chunk SET state = 'accepted' WHERE number = 13",
      check: .state, row: "chunk 13", says: "never sent"),
    Damage(
      name: "pending although it was received", sql: "UPDATE chunk SET state = 'pending' WHERE number = 2",
      check: .state, row: "chunk 2", says: "settled as received"),
    Damage(
      name: "accepted although it was not received",
      sql: "UPDATE chunk SET state = 'accepted' WHERE number = 6", check: .state, row: "chunk 6",
      says: "expected unknown"),
    Damage(
      name: "failed without a try", sql: "UPDATE chunk SET state = 'failed' WHERE number = 11", check: .state,
      row: "chunk 11", says: "is failed"),
    Damage(
      name: "submitting in a run that is paused",
      sql:
        "\(AuditScene.attempt(11, 1, nil)); UPDATE chunk SET state = 'submitting', owner = 2, attempts = 1 WHERE number = 11",
      check: .state, row: "chunk 11", says: "its run is paused"),
    Damage(
      name: "submitting for another owner",
      sql: """
        UPDATE run SET state = 'running', reason = NULL;
        \(AuditScene.attempt(11, 1, nil));
        UPDATE chunk SET state = 'submitting', owner = 1, attempts = 1 WHERE number = 11
        """, check: .state, row: "chunk 11", says: "owner 1"),
    Damage(
      name: "another outcome than the last attempt's",
      sql: "UPDATE chunk SET last_outcome = 'throttled' WHERE number = 0", check: .state, row: "chunk 0",
      says: "throttled"),
    // Attempts and verdicts.
    Damage(
      name: "an attempt after the acceptance",
      sql: "\(AuditScene.attempt(0, 2, "accepted")); UPDATE chunk SET attempts = 2 WHERE number = 0",
      check: .attempts, row: "attempt 2 of chunk 0", says: "after attempt 1 was accepted"),
    Damage(
      name: "an attempt after it was received",
      sql: "\(AuditScene.attempt(2, 2, "accepted")); UPDATE chunk SET attempts = 2 WHERE number = 2",
      check: .attempts, row: "attempt 2 of chunk 2", says: "settled as received"),
    Damage(
      name: "an attempt is gone", sql: "DELETE FROM attempt WHERE chunk = 1 AND number = 1", check: .attempts,
      row: "chunk 1", says: "attempt 1 is missing"),
    Damage(
      name: "the last attempt is gone", sql: "DELETE FROM attempt WHERE chunk = 1 AND number = 2",
      check: .attempts, row: "chunk 1", says: "has 1 attempt"),
    Damage(
      name: "an attempt that ended before it started",
      sql: "UPDATE attempt SET finished_at = started_at - 1 WHERE chunk = 1 AND number = 2", check: .attempts,
      row: "attempt 2 of chunk 1", says: "before"),
    Damage(
      name: "an attempt without an end",
      sql: "UPDATE attempt SET finished_at = NULL, outcome = NULL WHERE chunk = 1 AND number = 1",
      check: .attempts, row: "attempt 1 of chunk 1", says: "not ended"),
    Damage(
      name: "a verdict on an acceptance",
      sql:
        "INSERT INTO settlement (run, chunk, attempt, decided_at, verdict, authority, evidence, counted) VALUES (1, 0, 1, 5, 'undecided', 'listing', '', 0)",
      check: .settlements, row: "attempt 1 of chunk 0", says: "accepted"),
    Damage(
      name: "a verdict on no attempt",
      sql:
        "INSERT INTO settlement (run, chunk, attempt, decided_at, verdict, authority, evidence, counted) VALUES (1, 0, 9, 5, 'undecided', 'listing', '', 0)",
      check: .references, row: "attempt 9 of chunk 0", says: "not there"),
    Damage(
      name: "an attempt of no chunk", sql: AuditScene.attempt(77, 1, "accepted"), check: .references,
      row: "attempt 1 of chunk 77", says: "not there"),
    Damage(
      name: "a row that refers to nothing", sql: "UPDATE attempt SET origin = 9 WHERE chunk = 1",
      check: .references, row: "the database", says: "2 rows in table attempt that refer to rows of origin"),
    // Sums.
    Damage(
      name: "a tally", sql: "UPDATE tally SET items = items + 1 WHERE state = 'accepted'", check: .totals,
      row: "the tally of state accepted", says: "19 items, expected 5 and 18"),
    Damage(
      name: "a tally is gone", sql: "DELETE FROM tally WHERE state = 'split'", check: .totals,
      row: "the tally of state split", says: "0 chunks"),
    Damage(
      name: "the attempts of the run", sql: "UPDATE run SET attempts = attempts + 1", check: .totals,
      row: "run",
      says: "attempts"),
    Damage(
      name: "the counted attempts of a chunk", sql: "UPDATE chunk SET counted_attempts = 0 WHERE number = 3",
      check: .totals, row: "chunk 3", says: "counted attempts 0, expected 1"),
    // The run, and the file.
    Damage(
      name: "finished with something to send",
      sql: "UPDATE run SET state = 'finished', reason = NULL, finished_at = 5", check: .run, row: "run",
      says: "is finished and has 1 chunk in state pending"),
    Damage(
      name: "paused without a reason",
      sql: "PRAGMA ignore_check_constraints = ON; UPDATE run SET reason = NULL", check: .run, row: "run",
      says: "no reason"),
    Damage(
      name: "finished without a time",
      sql: """
        PRAGMA ignore_check_constraints = ON;
        UPDATE chunk SET state = 'cancelled' WHERE state = 'pending';
        UPDATE run SET state = 'finished', reason = NULL
        """, check: .run, row: "run", says: "time"),
    Damage(
      name: "a page of nobody",
      sql: "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'run_manifest'",
      check: .integrity, row: "the database", says: "never used"),
  ]

  @Test("a run with every history there is has nothing wrong")
  func clean() async throws {
    let scene = try await AuditScene()
    let audit = try await scene.audit()
    #expect(audit.problems == [])
    #expect(audit.problemsTotal == 0)
    #expect(audit.notes == [])
    #expect(audit.checked.items == 40)
    #expect(audit.checked.chunks == 14)
    #expect(audit.checked.attempts == 13)
    #expect(audit.checked.settlements == 4)
  }

  @Test("damage is named with its row", arguments: damages.map(\.name))
  func damaged(name: String) async throws {
    let damage = try #require(Self.damages.first { $0.name == name })
    let scene = try await AuditScene()
    try Raw.execute(damage.sql, in: scene.path)
    let audit = try await scene.audit()
    let named = audit.problems.contains {
      $0.check == damage.check && $0.message.contains(damage.says)
        && ($0.row == damage.row || $0.row.hasPrefix("\(damage.row) ")
          || $0.row.hasSuffix(" \(damage.row) of run \(scene.run)"))
    }
    #expect(named, "\(audit.problems)")
    #expect(audit.problemsTotal == audit.problems.count)
  }

  @Test("there is damage for everything that is checked")
  func everyCheck() {
    // A run of one step has no ids; `RunSessionConformance` has those of two.
    #expect(Set(Self.damages.map(\.check) + [.externalIDs]) == Set(AuditProblem.Check.allCases))
  }

  @Test("the list of problems is bounded, their number is not")
  func bounded() async throws {
    let scene = try await AuditScene()
    try Raw.execute("UPDATE chunk SET digest = zeroblob(32)", in: scene.path)
    let audit = try await scene.audit(listing: 3)
    #expect(audit.problems.map(\.row) == (0..<3).map { "chunk \($0) of run \(scene.run)" })
    #expect(audit.problemsTotal == 14)
  }

  @Test("a run that died while it was planned has nothing wrong, and says what is not looked at")
  func planning() async throws {
    let store = try await TestStore()
    let session = try await store.store.plan(
      RunDraft(
        createdAt: TestStore.start, random: 1, name: nil, job: nil, manifest: "m", manifestFile: nil,
        settings: RunSettings()))
    try await session.append(PlannedItems.batch(AuditScene.sources), chunks: [])
    let audit = try await store.store.audit(session.run, listing: 10)
    #expect(audit.problems == [])
    #expect(audit.notes.contains { $0.contains("planned") })
    await #expect(throws: StoreError.self) {
      try await store.store.audit(try #require(RunID(rawValue: "nothing")), listing: 10)
    }
  }

  @Test("pages of the middle that cannot be read are a problem, not the end of the audit")
  func unreadable() async throws {
    let scene = try await AuditScene()
    try Raw.execute("PRAGMA wal_checkpoint(TRUNCATE)", in: scene.path)
    let root = try #require(
      Int(try Raw.query("SELECT rootpage FROM sqlite_schema WHERE name = 'item_block'", in: scene.path)[0]))
    try await scene.store.store.close()
    try scene.overwrite(page: root)
    let audit = try await scene.audit()
    #expect(audit.problems.contains { $0.check == .integrity })
    #expect(audit.problems.allSatisfy { [.integrity, .digest].contains($0.check) }, "\(audit.problems)")
  }
}
