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
    try await planning.append(PlannedItems.batch((0..<30).map { PlannedItems.source($0) }), chunks: [])
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
    #expect(scene.server.ledger.entries.isEmpty)
    await scene.server.stop()
  }

  @Test("it can be cancelled, which removes it")
  func cancelled() async throws {
    let scene = try await Scene()
    try await leaveHalfPlanned(try scene.manifest(50), in: scene)
    #expect(try await scene.orchestrate("cancel", "latest").status == 0)
    let history = try json(try await scene.orchestrate("report", "--format", "json").output)
    #expect((history["runs"] as? [Any])?.isEmpty == true)
    await scene.server.stop()
  }
}
