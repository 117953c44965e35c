import BatchDomain
import Foundation
import RunStore
import StoreCore
import TestSupport
import Testing
import TransferSimulator

@Suite("A run that died while it was planned", .timeLimit(.minutes(10)))
struct PlanningDeathTests {
  /// Leaves a half-planned run behind, as a process that was killed does: some items are recorded, the run is in
  /// state planning, and nobody holds its lock.
  private func leaveHalfPlanned(_ manifest: String, in scene: Scene) async throws {
    var facts = stat()
    try #require(stat(manifest, &facts) == 0)
    let modified = Int64(facts.st_mtim.tv_sec) * 1_000 + Int64(facts.st_mtim.tv_nsec) / 1_000_000
    let store = try await SQLiteStore.open(
      path: scene.database, now: Timestamp(milliseconds: 1_750_000_000_000))
    var settings = RunSettings()
    settings.baseURL = scene.server.address
    settings.chunkSize = 7
    let planning = try await store.plan(
      RunDraft(
        createdAt: Timestamp(milliseconds: 1_750_000_000_000), random: 5, name: nil, job: nil,
        manifest: manifest,
        manifestFile: ManifestFile(
          path: manifest, bytes: Int64(facts.st_size), modifiedAt: Timestamp(milliseconds: modified)),
        settings: settings))
    let batch = PlannedItems.batch((0..<30).map { PlannedItems.source($0) })
    var planner = ChunkPlanner(maxItems: settings.chunkSize, maxBytes: settings.chunkBytes)
    try await planning.append(batch, chunks: planner.add(batch))
    try await store.close()
  }

  @Test("it is planned again while its manifest is as it was, and sent")
  func plannedAgain() async throws {
    let scene = try await Scene()
    let manifest = try scene.manifest(50)
    try await leaveHalfPlanned(manifest, in: scene)
    let resumed = try await scene.orchestrate("resume", "latest", "--format", "json")
    #expect(resumed.status == 0, "\(resumed.diagnostics)")
    #expect(scene.timesTaken(50) == [1])
    #expect(scene.server.ledger.acceptedCounts.count == 50)
    #expect(scene.server.ledger.transferCount == 8)
    let run = try #require(try json(resumed.output)["run"] as? [String: Any])
    #expect(run["items"] as? Int == 50)
    await scene.server.stop()
  }

  @Test(
    "it is refused when its manifest has changed or is gone, and nothing is sent", arguments: [true, false])
  func manifestChanged(isGone: Bool) async throws {
    let scene = try await Scene()
    let manifest = try scene.manifest(50)
    try await leaveHalfPlanned(manifest, in: scene)
    if isGone {
      try FileManager.default.removeItem(atPath: manifest)
    } else {
      _ = try scene.manifest(51)
    }
    let resumed = try await scene.orchestrate("resume", "latest")
    #expect(resumed.status == 2, "\(resumed.diagnostics)")
    #expect(resumed.diagnostics.contains(manifest))
    // The path is the stored one, and `resume` takes none.
    #expect(!resumed.diagnostics.contains("current folder"), "\(resumed.diagnostics)")
    if isGone {
      #expect(resumed.diagnostics.contains("put the file back there"), "\(resumed.diagnostics)")
      #expect(resumed.diagnostics.contains("`orchestrate cancel 2"), "\(resumed.diagnostics)")
    }
    #expect(scene.server.ledger.entries.isEmpty)
    await scene.server.stop()
  }

  @Test("a script can tell it from one that is being planned")
  func told() async throws {
    let scene = try await Scene()
    try await leaveHalfPlanned(try scene.manifest(50), in: scene)
    let report = try json(try await scene.orchestrate("report", "latest", "--format", "json").output)
    let run = try #require(report["run"] as? [String: Any])
    #expect(run["state"] as? String == "planning")
    #expect(run["reason"] is NSNull)
    #expect(run["live"] as? Bool == false)
    await scene.server.stop()
  }

  @Test("it can be cancelled, which removes it, and the document is the run that is gone")
  func cancelled() async throws {
    let scene = try await Scene()
    try await leaveHalfPlanned(try scene.manifest(50), in: scene)
    let cancelled = try await scene.orchestrate("cancel", "latest", "--format", "json")
    #expect(cancelled.status == 0)
    let run = try #require(try json(cancelled.output)["run"] as? [String: Any])
    #expect(run["state"] as? String == "cancelled")
    #expect(run["finished_at"] is String)
    #expect(run["live"] as? Bool == false)
    // Four chunks of seven were recorded; the last two items had none yet.
    #expect(run["items"] as? Int == 28)
    let items = try #require(run["items_by_state"] as? [String: Int])
    #expect(items["cancelled"] == 28 && items.values.reduce(0, +) == 28)
    let chunks = try #require(run["chunks"] as? [String: Int])
    #expect(chunks["cancelled"] == 4 && chunks.values.reduce(0, +) == 4)
    #expect(cancelled.diagnostics.contains("is removed; nothing was sent"))
    let history = try json(try await scene.orchestrate("report", "--format", "json").output)
    #expect((history["runs"] as? [Any])?.isEmpty == true)
    await scene.server.stop()
  }
}
