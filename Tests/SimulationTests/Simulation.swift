import Foundation
import NIOConcurrencyHelpers
import RunStore
import StoreCore
import TestSupport

/// Plays worlds, seed by seed.
final class Simulation: Sendable {
  /// What a seed came to.
  struct Result: Sendable {
    let seed: UInt64
    let violations: [String]
    let edges: Edges
    let deaths: Int
    let processes: Int
    let requests: Int
    /// Items that are held as unknown at the end.
    let held: Int
    let trace: UInt64
    let lines: [String]
  }

  /// Turns a world may take: more is a loop without end.
  static let mostTurns = 1_000_000

  private let folder: StoreFolder
  private let change: @Sendable (inout Scenario) -> Void

  /// A simulation whose scenarios are changed after they were drawn.
  init(change: @escaping @Sendable (inout Scenario) -> Void = { _ in }) async throws {
    folder = try StoreFolder()
    self.change = change
    // Made once: a new store is most of the work of a short run.
    let store = try await SQLiteStore.open(path: folder.template, now: Timeline.start)
    try await store.close()
    try Records.execute(Records.recorder + "PRAGMA wal_checkpoint(TRUNCATE)", in: folder.template)
  }

  /// Plays seeds on threads of their own, which leaves the shared task pool alone.
  func play(_ seeds: [UInt64]) async -> [Result] { await Seeds.play(seeds) { self.play($0) } }

  /// Plays one seed on the calling thread.
  ///
  /// - Parameter damage: done to the store before it is checked.
  func play(_ seed: UInt64, keepsLines: Bool = false, damage: String? = nil) -> Result {
    let path = folder.store()
    defer { folder.remove(path) }
    var violations: [String] = []
    do {
      try FileManager.default.copyItem(atPath: folder.template, toPath: path)
    } catch {
      violations.append("the store could not be made: \(error)")
    }
    let world = World(seed: seed, path: path, keepsLines: keepsLines, change: change)
    Task(executorPreference: world.executor) { await world.play() }
    var turns = 0
    while turns < Self.mostTurns {
      if world.executor.runOne() {
        turns += 1
      } else if world.isFinished || !world.timeline.advance() {
        break
      }
    }
    if !world.isFinished {
      violations.append(turns < Self.mostTurns ? "nobody can go on" : "it goes on without end")
    }
    world.trace.note("\(turns) turns")
    if world.executor.strays > 0 { violations.append("\(world.executor.strays) pieces left the executor") }
    violations += world.wronged
    var edges = Edges()
    var held = 0
    do {
      if let damage {
        try Records.execute(damage, in: path)
      } else {
        violations += Audit.violations(in: path)
      }
      let records = try Records(path: path)
      violations +=
        Checker(
          scenario: world.scenario, ledger: world.service.ledger, requests: world.service.requests,
          records: records, assets: world.assets.assets, indexed: world.assets.indexed
        ).violations
      edges.add(records)
      held = records.tally["unknown", default: 0]
    } catch {
      violations.append("the store could not be read: \(error)")
    }
    return Result(
      seed: seed, violations: violations, edges: edges, deaths: world.deaths, processes: world.current + 1,
      requests: world.service.requests.count, held: held, trace: world.trace.hash, lines: world.trace.lines)
  }
}

/// Plays seeds on threads of their own, which leaves the shared task pool alone.
enum Seeds {
  /// - Returns: what each seed came to, in the order of the seeds.
  static func play<Result: Sendable>(
    _ seeds: [UInt64], threads: Int = 2, _ play: @escaping @Sendable (UInt64) -> Result
  ) async -> [Result] {
    let results = NIOLockedValueBox<[Int: Result]>([:])
    let left = NIOLockedValueBox((threads: threads, next: 0))
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      for _ in 0..<threads {
        Thread.detachNewThread {
          while true {
            let number = left.withLockedValue { left in
              defer { left.next += 1 }
              return left.next
            }
            guard number < seeds.count else { break }
            let result = play(seeds[number])
            results.withLockedValue { $0[number] = result }
          }
          let isLast = left.withLockedValue { left in
            left.threads -= 1
            return left.threads == 0
          }
          if isLast { continuation.resume() }
        }
      }
    }
    return results.withLockedValue { results in seeds.indices.compactMap { results[$0] } }
  }
}

/// A folder for the stores of a simulation, in memory where the system has such a place: a death here is one of
/// the program, not of the machine, so nothing has to reach a disk.
final class StoreFolder: Sendable {
  private let path: String
  private let count = NIOLockedValueBox(0)

  init() throws {
    let base = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    path = "\(base)/orchestrate-simulation-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    // What cannot be removed is in a temporary folder of the system.
    try? FileManager.default.removeItem(atPath: path)
  }

  var template: String { path + "/template.db" }

  func store() -> String {
    count.withLockedValue { count in
      count += 1
      return "\(path)/\(count).db"
    }
  }

  func remove(_ store: String) {
    for suffix in ["", "-wal", "-shm", ".lock", "-standby"] { unlink(store + suffix) }
  }
}
