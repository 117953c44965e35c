import Foundation
import RunStore
import StoreCore
import TestSupport

/// Plays worlds with several machines, seed by seed.
final class WorkerSimulation: Sendable {
  /// What a seed came to.
  struct Result: Sendable {
    let seed: UInt64
    let violations: [String]
    let edges: Edges
    let counts: [WorkerWorld.Event: Int]
    let requests: Int
    let turns: Int
    /// What processes said of their requests after their run was taken from them, and how the chunks stood.
    let words: [String: Int]
    let trace: UInt64
    let lines: [String]
  }

  private let folder: StoreFolder
  private let change: @Sendable (inout Scenario, inout WorkerWorld.Conditions) -> Void

  /// A simulation whose scenarios and conditions are changed after they were drawn.
  init(change: @escaping @Sendable (inout Scenario, inout WorkerWorld.Conditions) -> Void = { _, _ in })
    async throws
  {
    folder = try StoreFolder()
    self.change = change
    let store = try await SQLiteStore.open(path: folder.template, now: Timeline.start)
    try await store.close()
    try Records.execute(
      SharedServer.tables + Records.recorder + "PRAGMA wal_checkpoint(TRUNCATE)", in: folder.template)
  }

  /// Plays seeds on threads of their own.
  func play(_ seeds: [UInt64]) async -> [Result] { await Seeds.play(seeds) { self.play($0) } }

  /// Plays one seed on the calling thread.
  func play(_ seed: UInt64, keepsLines: Bool = false) -> Result {
    let path = folder.store()
    defer { folder.remove(path) }
    var violations: [String] = []
    do {
      try FileManager.default.copyItem(atPath: folder.template, toPath: path)
    } catch {
      violations.append("the store could not be made: \(error)")
    }
    let world = WorkerWorld(seed: seed, path: path, keepsLines: keepsLines, change: change)
    world.play()
    violations += world.wronged
    var edges = Edges()
    var words: [String: Int] = [:]
    do {
      words = try world.server.lateWords()
      violations += Audit.violations(in: path)
      let records = try Records(path: path)
      violations +=
        Checker(
          scenario: world.scenario, ledger: world.service.ledger, requests: world.service.requests,
          records: records
        ).violations
      edges.add(records)
    } catch {
      violations.append("the store could not be read: \(error)")
    }
    return Result(
      seed: seed, violations: violations, edges: edges, counts: world.counts,
      requests: world.service.requests.count, turns: world.turns, words: words, trace: world.trace.hash,
      lines: world.trace.lines)
  }
}
