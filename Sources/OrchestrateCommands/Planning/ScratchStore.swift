import BatchDomain
import Foundation
import RunStore

/// A store that lasts for one validation: a manifest is checked by planning it, in a folder of its own that is
/// removed at the end, so that what `validate` says is what `submit` does.
enum ScratchStore {
  /// Plans into a store that nobody else sees.
  static func withPlan<T>(
    of settings: RunSettings, context: ProcessContext, _ body: (any PlanningSession) async throws -> T
  ) async throws -> T {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "orchestrate-\(UUID().uuidString)")
    let store = try await SQLiteStore.open(
      path: folder.appendingPathComponent("scratch.db").path, now: context.clock.now())
    let result: Result<T, any Error>
    do {
      let session = try await store.plan(
        RunDraft(
          createdAt: context.clock.now(), random: context.random.next(), name: nil, job: nil, manifest: "",
          manifestFile: nil, settings: settings))
      result = .success(try await body(session))
    } catch {
      result = .failure(error)
    }
    try await store.close()
    try FileManager.default.removeItem(at: folder)
    return try result.get()
  }
}
