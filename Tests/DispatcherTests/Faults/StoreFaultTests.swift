import BatchDomain
import Dispatcher
import Foundation
import RunStore
import StoreCore
import TestSupport
import Testing

/// The storage under a running loop fails at the first, the second, the third ... call, until a run passes untouched.
@Suite("Storage that fails under the loop", .timeLimit(.minutes(10)))
struct StoreFaultTests {
  /// A fault and the code it has to be reported with.
  struct Case: Sendable, CustomTestStringConvertible {
    let fault: FaultyFolder.Fault
    let isLasting: Bool
    /// Calls from one that is tried to the next: a refusal that lasts takes the same way whichever call begins it.
    let step: Int
    let code: StoreError.Code
    /// Calls a run has at least that can fail so.
    let calls: Int

    var testDescription: String { "\(fault), \(isLasting ? "lasting" : "once")" }
  }

  private static let cases = [
    Case(fault: .diskFull, isLasting: false, step: 1, code: .full, calls: 20),
    Case(fault: .diskFull, isLasting: true, step: 3, code: .full, calls: 20),
    Case(fault: .syncError, isLasting: false, step: 1, code: .inputOutput, calls: 15),
    Case(fault: .locked, isLasting: false, step: 1, code: .locked, calls: 50),
    Case(fault: .locked, isLasting: true, step: 3, code: .locked, calls: 50),
  ]

  @Test("the loop ends with that error or in spite of it, and resumed it finishes", arguments: cases)
  func everyCall(tested: Case) async throws {
    try await sweep(tested) { path, clock in
      let service = ResumedRun.model(on: clock)
      return Scene(run: ResumedRun(path: path, clock: clock, service: service)) { call in
        #expect(service.taken.count == ResumedRun.items, "call \(call): lost")
        #expect(Set(service.taken.values) == [1], "call \(call): taken twice")
      }
    }
  }

  @Test("a run of two steps as well: both are done once for each item, with the ids kept", arguments: cases)
  func everyCallOfTwoSteps(tested: Case) async throws {
    try await sweep(tested) { path, clock in
      let service = ResumedRun.steppedModel()
      let run = ResumedRun(path: path, clock: clock, service: service)
      return Scene(run: run) { call in
        let records = try await run.records()
        #expect(records.problems == [], "call \(call)")
        for step in service.steps {
          let made = service.ids(step)
          #expect(made.count == ResumedRun.items, "call \(call): \(step) lost")
          #expect(made.values.allSatisfy { $0.count == 1 }, "call \(call): \(step) twice")
          #expect(records.ids[step] == made, "call \(call): ids of \(step)")
        }
        let brought = Set(service.brought.flatMap { chunk, ids in ids.map { [chunk.description, $0] } })
        let uploaded = Set(
          service.ids(.upload).flatMap { chunk, ids in ids.map { [chunk.description, $0] } })
        #expect(brought == uploaded, "call \(call): indexed with another id")
      }
    }
  }

  /// A run on a fresh store, and what has to hold when it has finished.
  private struct Scene {
    let run: ResumedRun
    let check: (_ call: Int) async throws -> Void
  }

  private func sweep(_ tested: Case, _ make: (_ path: String, ManualClock) -> Scene) async throws {
    let made = try TemporaryFolder()
    try await SQLiteStore.open(path: made.file("store.db"), now: ManualClock().now()).close()
    var call = 1 - tested.step
    var survived = 0
    var wasTouched = true
    while wasTouched {
      call += tested.step
      let folder = try TemporaryFolder()
      for file in ["store.db", "store.db-wal"] {
        try FileManager.default.copyItem(atPath: made.file(file), toPath: folder.file(file))
      }
      let storage = try FaultyFolder(folder)
      let scene = make(folder.file("store.db"), ManualClock())
      storage.arm(tested.fault, at: call, lasting: tested.isLasting)
      do {
        try await scene.run.live()
        survived += 1
      } catch {
        let found = try #require(error as? StoreError, "call \(call): \(error)")
        #expect(found.code == tested.code, "call \(call): \(found)")
      }
      wasTouched = storage.disarm() > 0
      #expect(try StoreAudit.problems(in: scene.run.path) == [], "after call \(call)")
      #expect(try await scene.run.finish(), "call \(call)")
      try await scene.check(call)
      #expect(try StoreAudit.problems(in: scene.run.path) == [], "after call \(call) and a resume")
    }
    #expect(call > tested.calls)
    // A refusal that passes does not end the run.
    if !tested.isLasting, tested.code != .inputOutput { #expect(survived > call / 3) }
  }
}
