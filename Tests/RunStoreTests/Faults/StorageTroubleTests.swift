import BatchDomain
import Foundation
import Migrations
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

/// What a process that lives on does about storage that failed it.
@Suite("After storage failed")
struct StorageTroubleTests {
  private let folder: TemporaryFolder
  private let storage: FaultyFolder
  private var path: String { folder.file("store.db") }

  init() throws {
    folder = try TemporaryFolder()
    storage = try FaultyFolder(folder)
  }

  private func open() async throws -> SQLStore {
    try await SQLiteStore.open(path: path, now: TestStore.start)
  }

  private func session(on store: SQLStore) async throws -> any RunSession {
    try await PlannedItems.plan(SmallRun.sources, chunkSize: 2, in: store, at: TestStore.start)
  }

  @Test(
    "once the disk was full the log is kept short, so that it does not fill the disk again",
    arguments: [
      true, false,
    ])
  func logStaysShort(wasFull: Bool) async throws {
    let store = try await open()
    let session = try await session(on: store)
    if wasFull {
      storage.arm(.diskFull, at: 1, lasting: true)
      await #expect { _ = try await session.claim(at: TestStore.start) } throws: {
        ($0 as? StoreError)?.code == .full
      }
      storage.disarm()
    }
    var longest = 0
    for second in 1...1_000 {
      try await session.remember(
        StoredWait(until: TestStore.start + .seconds(Int64(second)), reason: "the service asks to wait"),
        of: .transfer)
      let facts = try FileManager.default.attributesOfItem(atPath: path + "-wal")
      longest = max(longest, facts[.size] as? Int ?? 0)
    }
    // 250 pages with their headers, and those of the commit that went beyond.
    #expect((longest < 1_200_000) == wasFull, "\(longest)")
  }

  @Test("a change refused for want of space can be made once there is some")
  func spaceComesBack() async throws {
    let store = try await open()
    let session = try await session(on: store)
    storage.arm(.diskFull, at: 1, lasting: true)
    for _ in 0..<3 {
      await #expect { _ = try await session.claim(at: TestStore.start) } throws: {
        ($0 as? StoreError)?.code == .full
      }
    }
    storage.disarm()
    guard case .chunk(let chunk) = try await session.claim(at: TestStore.start) else {
      Issue.record("nothing to claim")
      return
    }
    #expect(chunk.attempt == 1)
    #expect(try StoreAudit.problems(in: path) == [])
  }

  @Test("a run can be planned after planning it failed for want of space")
  func planningAgain() async throws {
    let store = try await open()
    for write in 1...4 {
      storage.arm(.diskFull, at: write, lasting: true)
      await #expect { try await session(on: store) } throws: { ($0 as? StoreError)?.code == .full }
      storage.disarm()
    }
    #expect(try await session(on: store).standing().items == SmallRun.sources.count)
  }

  @Test("a change that is larger than the page cache and finds no space leaves nothing of it")
  func spillFindsNoSpace() async throws {
    let store = try await open()
    let planning = try await store.plan(
      RunDraft(
        createdAt: TestStore.start, random: 1, name: nil, job: nil, manifest: "manifest.json",
        manifestFile: nil,
        settings: RunSettings()))
    let padding = String(repeating: "x", count: 2_500)
    let batch = PlannedItems.batch((0..<5_000).map { PlannedItems.source($0, name: "\($0)\(padding).mp4") })
    // Some of these writes come long before the commit.
    for write in [1, 20, 60] {
      storage.arm(.diskFull, at: write, lasting: true)
      await #expect { try await planning.append(batch, chunks: []) } throws: {
        ($0 as? StoreError)?.code == .full
      }
      storage.disarm()
      #expect(try Raw.query("SELECT coalesce(sum(item_count), 0) FROM item_block", in: path) == ["0"])
    }
    try await planning.append(batch, chunks: [])
    #expect(try Raw.query("SELECT coalesce(sum(item_count), 0) FROM item_block", in: path) == ["5000"])
    #expect(try StoreAudit.problems(in: path) == [])
  }

  @Test("after a sync failed nothing more is written, since nobody knows what is on disk")
  func syncFails() async throws {
    let store = try await open()
    let session = try await session(on: store)
    storage.arm(.syncError, at: 1, lasting: false)
    for _ in 0..<3 {
      await #expect { _ = try await session.claim(at: TestStore.start) } throws: {
        ($0 as? StoreError)?.code == .inputOutput
      }
    }
    #expect(storage.disarm() == 1)
  }

  @Test("a checkpoint that finds no space is left for later, and the run is left all the same")
  func checkpointFindsNoSpace() async throws {
    let store = try await open()
    let session = try await session(on: store)
    _ = try await session.claim(at: TestStore.start)
    storage.arm(.diskFull, at: 1, lasting: true)
    try await store.database.checkpoint(truncating: true)
    #expect(storage.disarm() > 0)
    try await session.release(as: .paused(.signal, detail: nil), at: TestStore.start)
    #expect(try await store.summary(of: session.run).reason == .signal)
  }

  @Test("after a checkpoint could not be synced nothing more is written")
  func checkpointSyncFails() async throws {
    let store = try await open()
    let session = try await session(on: store)
    _ = try await session.claim(at: TestStore.start)
    storage.arm(.syncError, at: 1, lasting: false)
    await #expect { try await store.database.checkpoint(truncating: false) } throws: {
      ($0 as? StoreError)?.code == .inputOutput
    }
    #expect(storage.disarm() == 1)
    await #expect { _ = try await session.claim(at: TestStore.start) } throws: {
      ($0 as? StoreError)?.code == .inputOutput
    }
  }

  @Test("whatever call fails while an older database is migrated, the next process migrates it with its rows")
  func migrating() async throws {
    let old = try TemporaryFolder()
    let oldStore = try await SQLiteStore.open(
      path: old.file("store.db"), now: TestStore.start, steps: Array(Migrations.all.prefix(1)))
    try await oldStore.close()
    try Raw.execute("INSERT INTO origin (id, url) VALUES (7, 'https://a.example')", in: old.file("store.db"))
    for (fault, code) in [
      (FaultyFolder.Fault.diskFull, StoreError.Code.full), (.syncError, .inputOutput),
      (.openError, .unavailable),
      (.readError, .inputOutput), (.deleteError, .inputOutput),
    ] {
      var call = 1
      var wasTouched = true
      while wasTouched {
        let folder = try TemporaryFolder()
        let path = folder.file("store.db")
        for file in ["store.db", "store.db-wal"] {
          try FileManager.default.copyItem(atPath: old.file(file), toPath: folder.file(file))
        }
        let storage = try FaultyFolder(folder)
        storage.arm(fault, at: call, lasting: false)
        do {
          try await SQLiteStore.open(path: path, now: TestStore.start).close()
        } catch {
          #expect((error as? StoreError)?.code == code, "\(fault) \(call): \(error)")
          #expect(
            (error as? StoreError)?.message.contains("not an error") == false, "\(fault) \(call): \(error)")
        }
        wasTouched = storage.disarm() > 0
        try await SQLiteStore.open(path: path, now: TestStore.start + .seconds(1)).close()
        #expect(try Raw.query("SELECT id FROM origin", in: path) == ["7"], "\(fault) \(call)")
        #expect(
          try Raw.query("SELECT count(*) FROM migration", in: path) == ["\(Migrations.all.count)"],
          "\(fault) \(call)")
        #expect(try StoreAudit.problems(in: path) == [], "\(fault) \(call)")
        call += 1
      }
      #expect(call > 2, "\(fault)")
    }
  }
}
