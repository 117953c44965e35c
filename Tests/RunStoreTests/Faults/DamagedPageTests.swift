import BatchDomain
import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

/// A page of the database is torn or is garbage: SQLite has no checksums of pages, so it cannot always tell.
@Suite("A damaged page", .timeLimit(.minutes(10)))
struct DamagedPageTests {
  private static let page = 4_096
  /// The run dies with one chunk accepted, one unknown, one under way and one pending.
  private static let lastStep = 6

  /// How a page is damaged.
  enum Damage: String, CaseIterable, Sendable {
    /// Its second half was never written.
    case torn
    /// It has random bytes.
    case garbage
    /// It has nothing.
    case zeros
  }

  @Test(
    "whatever page it is, the run goes on with the items as they were planned, or the store says that it is damaged",
    arguments: Damage.allCases)
  func everyPage(damage: Damage) async throws {
    let folder = try TemporaryFolder()
    let steps = NIOLockedValueBox(0)
    let half = SmallRun(path: folder.file("store.db")) {
      let step = steps.withLockedValue { steps in
        steps += 1
        return steps
      }
      if step == Self.lastStep { throw SmallRun.Death() }
    }
    await #expect(throws: SmallRun.Death.self) { try await half.live() }
    try await checkpoint(half.path)
    let whole = try Data(contentsOf: URL(fileURLWithPath: half.path))
    let random = SeededRandom(seed: 9)
    var damaged = 0
    for start in stride(from: 0, to: whole.count, by: Self.page) {
      let copy = try TemporaryFolder()
      let storage = try FaultyFolder(copy)
      defer { withExtendedLifetime(storage) {} }
      var bytes = whole
      let place = damage == .torn ? start + Self.page / 2 : start
      for offset in place..<start + Self.page {
        bytes[offset] = damage == .garbage ? UInt8(truncatingIfNeeded: random.next()) : 0
      }
      guard bytes != whole else { continue }
      try bytes.write(to: URL(fileURLWithPath: copy.file("store.db")))
      let run = SmallRun(path: copy.file("store.db"), goingOnFrom: half)
      do {
        try await run.live()
        #expect(Set(run.taken.keys) == SmallRun.names, "page \(start / Self.page)")
      } catch {
        let found = try #require(error as? StoreError, "page \(start / Self.page): \(error)")
        // A row of the table of runs that reads as gone is a run that is not there.
        #expect([.damaged, .noSuchRun].contains(found.code), "page \(start / Self.page): \(found)")
        #expect(found.remedy != nil, "page \(start / Self.page): \(found)")
        if found.code == .damaged { damaged += 1 }
      }
      #expect(run.taken.values.allSatisfy { $0 == 1 }, "page \(start / Self.page): taken twice")
    }
    #expect(damaged > 0)
  }

  private func checkpoint(_ path: String) async throws {
    let store = try await SQLiteStore.open(path: path, now: TestStore.start)
    try await store.database.checkpoint(truncating: true)
    try await store.close()
  }
}
