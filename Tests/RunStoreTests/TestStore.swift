import BatchDomain
import RunStore
import StoreCore
import TestSupport

/// A store in a fresh file of its own.
struct TestStore {
  let folder: TemporaryFolder
  let path: String
  let store: SQLStore

  static let start = Timestamp(milliseconds: 1_750_000_000_000)

  init() async throws {
    folder = try TemporaryFolder()
    path = folder.file("orchestrate.db")
    store = try await SQLiteStore.open(path: path, now: Self.start)
  }

  /// A second process's view of the same store.
  func another() async throws -> SQLStore {
    try await SQLiteStore.open(path: path, now: Self.start)
  }
}
