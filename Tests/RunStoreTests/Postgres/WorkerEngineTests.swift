import BatchDomain
import NIOConcurrencyHelpers
import StoreCore
import TestSupport
import Testing

@Suite("Worker engine")
struct WorkerEngineTests {
  /// Remembers what it heard last.
  private final class LastWord: RequestWatchdog {
    private let last = NIOLockedValueBox(false)

    var isWatching: Bool { last.withLockedValue { $0 } }

    func watch(_ isNeeded: Bool) { last.withLockedValue { $0 = isNeeded } }
  }

  private struct NoLocks: WorkerLocks {
    func hold(_ worker: String) -> (any HeldLock)? { nil }
    func look(at worker: String) -> LockLook { .unknown }
  }

  @Test("the last word that the watchdog hears is about the last count of requests")
  func lastWord() async {
    let watchdog = LastWord()
    let engine = WorkerEngine(
      worker: Worker(version: "test", random: SeededRandom(seed: 1)), locks: NoLocks(), clock: ManualClock(),
      watchdog: watchdog, notify: { _ in },
      scratch: { throw StoreError(.internal, "nothing is put aside") })
    for _ in 0..<200 {
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask {
            for _ in 0..<20 {
              engine.requestsUnderWay(changeBy: 1)
              engine.requestsUnderWay(changeBy: -1)
            }
          }
        }
      }
      guard !watchdog.isWatching else {
        Issue.record("nothing is under way, and the watchdog watches")
        return
      }
    }
    engine.requestsUnderWay(changeBy: 1)
    #expect(watchdog.isWatching)
  }
}
