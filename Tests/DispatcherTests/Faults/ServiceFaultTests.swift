import BatchDomain
import Dispatcher
import RunStore
import StoreCore
import TestSupport
import Testing

/// The first, the second, the third ... call of the service comes to nothing, until a run passes untouched.
@Suite("A service that fails at any call", .timeLimit(.minutes(10)))
struct ServiceFaultTests {
  @Test(
    "the loop survives it or is paused by it, and resumed it finishes: nothing lost, nothing twice",
    arguments: FaultyService.Fault.allCases, [false, true])
  func everyCall(fault: FaultyService.Fault, isLasting: Bool) async throws {
    var call = 0
    var undecided = 0
    var wasTouched = true
    while wasTouched {
      call += 1
      let folder = try TemporaryFolder()
      let storage = try FaultyFolder(folder)
      defer { withExtendedLifetime(storage) {} }
      let clock = ManualClock()
      let model = ResumedRun.model(on: clock)
      let service = FaultyService(model, fault, at: call, isLasting: isLasting)
      let run = ResumedRun(path: folder.file("store.db"), clock: clock, service: service)
      let ending = try await run.live()
      wasTouched = service.mend() > 0
      #expect(try StoreAudit.problems(in: run.path) == [], "after call \(call)")
      #expect(!model.taken.values.contains { $0 > 1 }, "call \(call): taken twice")
      if try await run.finish() {
        #expect(model.taken.count == ResumedRun.items, "call \(call): lost")
      } else {
        // Without a chunk that was accepted at its first attempt an absence proves nothing: a person decides.
        #expect(try run.controls == 0, "call \(call), which ended \(String(describing: ending))")
        #expect(try run.unknownItems == ResumedRun.items - model.taken.count, "call \(call): lost")
        undecided += 1
      }
      #expect(!model.taken.values.contains { $0 > 1 }, "call \(call): taken twice")
      #expect(try StoreAudit.problems(in: run.path) == [], "after call \(call) and a resume")
    }
    #expect(call > 6)
    // Only what is lost from the first call on leaves nothing to judge by.
    #expect(undecided <= (isLasting ? 1 : 0))
  }
}
