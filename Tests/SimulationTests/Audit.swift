import BatchDomain
import Dispatch
import NIOConcurrencyHelpers
import RunStore
import StoreCore

/// What `verify` says about the run of a world: records that came about by the rules have nothing wrong.
enum Audit {
  /// Problems in words. Blocks the calling thread, which has to be one of its own.
  static func violations(in path: String) -> [String] {
    let found = NIOLockedValueBox<[String]>([])
    let isDone = DispatchSemaphore(value: 0)
    Task.detached {
      do {
        let store = try await SQLiteStore.openForReading(path: path)
        let audit = try await store.audit(try await store.resolve("latest"), listing: 10)
        // The world's plan has a digest of its own making.
        found.withLockedValue {
          $0 = audit.problems.filter { $0.check != .manifestDigest }.map {
            "the audit says: \($0.row) \($0.message)"
          }
        }
        try await store.close()
      } catch {
        found.withLockedValue { $0 = ["the audit failed: \(error)"] }
      }
      isDone.signal()
    }
    isDone.wait()
    return found.withLockedValue { $0 }
  }
}
