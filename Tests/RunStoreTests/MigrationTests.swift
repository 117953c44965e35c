import BatchDomain
import CSQLite
import Foundation
import Migrations
import RunStore
import StoreCore
import TestSupport
import Testing

@Suite("Migrations")
struct MigrationTests {
  @Test("the files on disk are the steps in the binary")
  func filesMatch() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("migrations")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".sql") }.sorted()
    #expect(files == (Migrations.all + Migrations.postgres).map(\.name))
    for (steps, beginning) in [(Migrations.all, ""), (Migrations.postgres, "postgres_")] {
      for (number, step) in steps.enumerated() {
        #expect(step.number == number + 1)
        #expect(step.name.hasPrefix(beginning + step.number.padded(4) + "_"))
        #expect([UInt8](try Data(contentsOf: folder.appendingPathComponent(step.name))) == step.sql)
      }
    }
  }

  @Test("an empty file becomes the latest schema, sound and with foreign keys that hold")
  func emptyToLatest() async throws {
    let store = try await TestStore()
    _ = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store.store, at: TestStore.start)
    try await store.store.close()
    #expect(try Raw.query("PRAGMA integrity_check", in: store.path) == ["ok"])
    #expect(try Raw.query("PRAGMA foreign_key_check", in: store.path).isEmpty)
    #expect(try Raw.query("SELECT count(*) FROM migration", in: store.path) == ["\(Migrations.all.count)"])
  }

  @Test("a database newer than the program is refused")
  func newer() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    let extra = Migrations.Step(
      number: Migrations.all.count + 1, name: "9999_future.sql",
      sql: Array("CREATE TABLE later (a) STRICT".utf8))
    _ = try? await SQLiteStore.open(path: path, now: TestStore.start).close()
    let future =
      Migrations.all + [
        Migrations.Step(
          number: extra.number, name: extra.name, sql: Array("CREATE TABLE later (a INTEGER) STRICT".utf8))
      ]
    try await SQLiteStore.open(path: path, now: TestStore.start, steps: future).close()
    await #expect { try await SQLiteStore.open(path: path, now: TestStore.start) } throws: {
      ($0 as? StoreError)?.code == .schema
    }
    await #expect { try await SQLiteStore.openForReading(path: path) } throws: {
      ($0 as? StoreError)?.code == .schema
    }
  }

  @Test("an edited migration is refused")
  func edited() async throws {
    let store = try await TestStore()
    try await store.store.close()
    try Raw.execute("UPDATE migration SET checksum = zeroblob(32)", in: store.path)
    await #expect { try await store.another() } throws: {
      ($0 as? StoreError)?.code == .schema && String(describing: $0).contains("0001_runs.sql")
    }
  }

  @Test("a step that fails leaves no trace, and what was there is backed up")
  func failingStep() async throws {
    let store = try await TestStore()
    _ = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store.store, at: TestStore.start
    )
    .release(as: .paused(.signal, detail: nil), at: TestStore.start)
    try await store.store.close()
    let broken =
      Migrations.all + [
        Migrations.Step(
          number: Migrations.all.count + 1, name: "9999_broken.sql",
          sql: Array("CREATE TABLE half (a INTEGER) STRICT; INSERT INTO nowhere VALUES (1);".utf8))
      ]
    await #expect(throws: StoreError.self) {
      try await SQLiteStore.open(path: store.path, now: TestStore.start, steps: broken)
    }
    #expect(try Raw.query("SELECT name FROM sqlite_schema WHERE name = 'half'", in: store.path).isEmpty)
    #expect(try Raw.query("SELECT count(*) FROM migration", in: store.path) == ["\(Migrations.all.count)"])
    let backup = store.path + ".before-\(Migrations.all.count + 1)-\(TestStore.start.milliseconds)"
    #expect(try Raw.query("SELECT count(*) FROM run", in: backup) == ["1"])
    let reopened = try await store.another()
    #expect(try await reopened.summaries(before: nil, limit: 5).count == 1)
  }

  @Test(
    "a database of every older version is brought to the latest with its rows",
    arguments: 1..<Migrations.all.count)
  func olderVersion(steps: Int) async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("old.db")
    let old = try await SQLiteStore.open(
      path: path, now: TestStore.start, steps: Array(Migrations.all.prefix(steps)))
    try await old.close()
    try Raw.execute(
      """
      INSERT INTO origin (id, url) VALUES (1, 'https://a.example');
      INSERT INTO destination (id, url) VALUES (1, 'https://a.example/x');
      INSERT INTO run (id, run_id, state, created_at, manifest, manifest_digest, again, origin, destination,
                       settings, items, finished_at)
        VALUES (1, '20250101-000000-aaaa', 'finished', 1, 'm.json', zeroblob(32), 0, 1, 'https://a.example/x',
                '{}', 1, 2);
      \(steps < 5
        ? "INSERT INTO item (position, source) VALUES (1 << 40, '{}')"
        : "INSERT INTO item_block (position, item_count, in_wire_form, sources) VALUES (1 << 40, 1, 1, '[{}]')");
      INSERT INTO chunk (run, number, first_item, item_count, byte_count, digest, names_clash, state\(steps < 10 ? "" : ", step"))
        VALUES (1, 0, 0, 1, 4, zeroblob(32), 0, 'unknown'\(steps < 10 ? "" : ", 'transfer'"));
      INSERT INTO attempt (run, chunk, number, origin, destination, owner, started_at, bytes,
                           timeout_ms\(steps < 10 ? "" : ", step"))
        VALUES (1, 0, 1, 1, 1, 1, 5, 4, 60000\(steps < 10 ? "" : ", 'transfer'"));
      INSERT INTO settlement (run, chunk, attempt, decided_at, verdict, authority, evidence, counted)
        VALUES (1, 0, 1, 9, 'undecided', 'listing', 'nothing was listed', 0);
      """, in: path)
    let store = try await SQLiteStore.open(path: path, now: TestStore.start)
    #expect(
      try Raw.query("SELECT verdict || ':' || evidence FROM settlement", in: path) == [
        "undecided:nothing was listed"
      ])
    #expect(try Raw.query("SELECT refusals FROM run", in: path) == ["unproven"])
    #expect(try Raw.query("SELECT in_outage FROM attempt", in: path) == ["0"])
    #expect(try Raw.query("SELECT coalesce(url_ends_at, 'none') FROM attempt", in: path) == ["none"])
    #expect(
      try Raw.query("SELECT step || coalesce(external_id, '-') FROM attempt", in: path) == ["transfer-"])
    #expect(try Raw.query("SELECT step || ':' || state FROM chunk", in: path) == ["transfer:unknown"])
    #expect(
      try Raw.query("SELECT state || ':' || chunks || ':' || items FROM tally", in: path) == ["unknown:1:1"])
    #expect(
      try Raw.query("SELECT group_concat(name) FROM sqlite_schema WHERE name LIKE '%_new'", in: path) == [
        "NULL"
      ])
    // The second step numbers the intents there are; a later version had written the number itself.
    #expect(
      try Raw.query("SELECT intent || ':' || started_at FROM attempt", in: path) == [
        steps < 2 ? "1:5" : "0:5"
      ])
    #expect(try Raw.query("PRAGMA foreign_key_check", in: path).isEmpty)
    #expect(try Raw.query("PRAGMA integrity_check", in: path) == ["ok"])
    #expect(try await store.summaries(before: nil, limit: 2).map(\.items) == [1])
  }

  @Test("nothing is migrated while a run is live")
  func liveRun() async throws {
    let store = try await TestStore()
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store.store, at: TestStore.start)
    let next =
      Migrations.all + [
        Migrations.Step(
          number: Migrations.all.count + 1, name: "9999_next.sql",
          sql: Array("CREATE TABLE next (a INTEGER) STRICT".utf8))
      ]
    await #expect {
      try await SQLiteStore.open(path: store.path, now: TestStore.start, steps: next)
    } throws: { ($0 as? StoreError)?.code == .busy }
    try await session.release(as: .paused(.signal, detail: nil), at: TestStore.start)
    try await SQLiteStore.open(path: store.path, now: TestStore.start, steps: next).close()
  }

  @Test("another program's database and a file that is none are refused and left as they are")
  func foreign() async throws {
    let folder = try TemporaryFolder()
    let other = folder.file("other.db")
    try Raw.execute("CREATE TABLE theirs (a)", in: other)
    await #expect { try await SQLiteStore.open(path: other, now: TestStore.start) } throws: {
      ($0 as? StoreError)?.code == .damaged
    }
    #expect(try Raw.query("SELECT name FROM sqlite_schema", in: other) == ["theirs"])
    let text = try folder.write(String(repeating: "this is no database ", count: 100), to: "text.db")
    await #expect { try await SQLiteStore.open(path: text, now: TestStore.start) } throws: {
      ($0 as? StoreError)?.code == .damaged
    }
  }

  @Test("the database, its log and its folder are for their owner only")
  func permissions() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("made/by/us/store.db")
    let store = try await SQLiteStore.open(path: path, now: TestStore.start)
    _ = try await PlannedItems.plan([PlannedItems.source(0)], chunkSize: 1, in: store, at: TestStore.start)
    for (file, mode) in [
      (path, 0o600), (path + "-wal", 0o600), (path + ".lock", 0o600), (folder.file("made/by/us"), 0o700),
    ] {
      let attributes = try FileManager.default.attributesOfItem(atPath: file)
      #expect(attributes[.posixPermissions] as? Int == mode, "\(file)")
    }
  }

  @Test("items that had a row each are brought into rows of planned chunks, as they are and in their order")
  func itemBlocks() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("old.db")
    let old = try await SQLiteStore.open(
      path: path, now: TestStore.start, steps: Array(Migrations.all.prefix(4)))
    try await old.close()
    try Raw.execute(
      """
      INSERT INTO origin (id, url) VALUES (1, 'https://a.example');
      INSERT INTO run (id, run_id, state, created_at, manifest, manifest_digest, again, origin, destination,
                       settings, items, finished_at)
        VALUES (1, '20250101-000000-aaaa', 'finished', 1, 'm', zeroblob(32), 0, 1, 'x', '{}', 5, 2),
               (2, '20250101-000001-aaaa', 'finished', 1, 'm', zeroblob(32), 0, 1, 'x', '{}', 1, 2),
               (3, '20250101-000002-aaaa', 'planning', 1, 'm', NULL, 0, 1, 'x', '{}', 0, NULL),
               (4, '20250101-000003-aaaa', 'finished', 1, 'm', zeroblob(32), 0, 1, 'x', '{}', 600, 2),
               (5, '20250101-000004-aaaa', 'finished', 1, 'm', zeroblob(32), 0, 1, 'x', '{}', 3, 2);
      WITH RECURSIVE n (i) AS (SELECT 4 UNION ALL SELECT i - 1 FROM n WHERE i > 0)
        INSERT INTO item SELECT (1 << 40) + i, '{ "n": ' || i || ', "t": "],{" }' FROM n;
      WITH RECURSIVE n (i) AS (SELECT 599 UNION ALL SELECT i - 1 FROM n WHERE i > 0)
        INSERT INTO item SELECT (4 << 40) + i, '{}' FROM n;
      INSERT INTO item VALUES (2 << 40, '{}'), (3 << 40, '{"lost":1}'), (5 << 40, '{"n":0}'), ((5 << 40) + 2, '{"n":2}');
      INSERT INTO chunk (run, number, first_item, item_count, byte_count, digest, names_clash, state, parent)
        VALUES (1, 0, 0, 3, 4, zeroblob(32), 0, 'split', NULL), (1, 1, 3, 2, 4, zeroblob(32), 0, 'accepted', NULL),
               (1, 2, 0, 1, 4, zeroblob(32), 0, 'accepted', 0), (1, 3, 1, 2, 4, zeroblob(32), 0, 'rejected', 0),
               (2, 0, 0, 1, 4, zeroblob(32), 0, 'accepted', NULL),
               (4, 0, 0, 600, 4, zeroblob(32), 0, 'accepted', NULL),
               (5, 0, 0, 3, 4, zeroblob(32), 0, 'accepted', NULL);
      """, in: path)
    let store = try await SQLiteStore.open(path: path, now: TestStore.start)
    #expect(
      try Raw.query(
        """
        SELECT (position >> 40) || ' ' || (position & 1023) || ' ' || item_count || ' ' || in_wire_form || ' '
          || coalesce(checksum, 'none') || ' ' || iif(item_count < 10, sources, json_array_length(sources))
        FROM item_block
        """, in: path) == [
          #"1 0 3 0 none [{ "n": 0, "t": "],{" },{ "n": 1, "t": "],{" },{ "n": 2, "t": "],{" }]"#,
          #"1 3 2 0 none [{ "n": 3, "t": "],{" },{ "n": 4, "t": "],{" }]"#,
          "2 0 1 0 none [{}]",
          "4 0 256 0 none 256", "4 256 256 0 none 256", "4 512 88 0 none 88",
          // An item is missing in the middle: the one behind it keeps its number.
          #"5 0 1 0 none [{"n":0}]"#, #"5 2 1 0 none [{"n":2}]"#,
        ])
    #expect(try Raw.query("SELECT name FROM sqlite_schema WHERE name = 'item'", in: path).isEmpty)
    let run = try #require(RunID(rawValue: "20250101-000000-aaaa"))
    let items = try await store.items(of: run, in: [.accepted], after: nil, limit: 10)
    #expect(items.map(\.sequence) == [0, 3, 4])
    #expect(items.map { String(decoding: $0.source, as: UTF8.self) }[1] == #"{ "n": 3, "t": "],{" }"#)
  }

  @Test("the number of a run that was removed is not used again after the tables were made anew")
  func removedRun() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("old.db")
    let old = try await SQLiteStore.open(
      path: path, now: TestStore.start, steps: Array(Migrations.all.prefix(10)))
    try await old.close()
    try Raw.execute(
      """
      INSERT INTO origin (id, url) VALUES (1, 'https://a.example');
      INSERT INTO run (id, run_id, state, created_at, manifest, again, origin, destination, settings)
        VALUES (1, '20250101-000000-aaaa', 'planning', 1, 'm', 0, 1, 'x', '{}'),
               (7, '20250101-000001-aaaa', 'planning', 1, 'm', 0, 1, 'x', '{}');
      DELETE FROM run WHERE id = 7;
      """, in: path)
    let store = try await SQLiteStore.open(path: path, now: TestStore.start)
    _ = try await PlannedItems.plan([PlannedItems.source(0)], chunkSize: 1, in: store, at: TestStore.start)
    #expect(try Raw.query("SELECT id FROM run ORDER BY id", in: path) == ["1", "8"])
  }

  @Test("requests of an older version go on only where the owner died, which may have followed them")
  func olderRequests() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("old.db")
    let old = try await SQLiteStore.open(
      path: path, now: TestStore.start, steps: Array(Migrations.all.prefix(6)))
    try await old.close()
    try Raw.execute(
      """
      INSERT INTO origin (id, url) VALUES (1, 'https://a.example');
      INSERT INTO run (id, run_id, state, created_at, manifest, manifest_digest, again, origin, destination,
                       settings, finished_at, request)
        VALUES (1, '20250101-000000-aaaa', 'finished', 1, 'm', zeroblob(32), 0, 1, 'x', '{}', 2, 'cancel'),
               (2, '20250101-000001-aaaa', 'running', 1, 'm', zeroblob(32), 0, 1, 'x', '{}', NULL, 'cancel'),
               (3, '20250101-000002-aaaa', 'running', 1, 'm', zeroblob(32), 0, 1, 'x', '{}', NULL, 'pause');
      """, in: path)
    _ = try await SQLiteStore.open(path: path, now: TestStore.start)
    #expect(
      try Raw.query("SELECT coalesce(request, '-') || cancelling FROM run ORDER BY id", in: path) == [
        "-0", "-1", "-0",
      ])
  }
}
