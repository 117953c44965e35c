import BatchDomain
import RunStore

/// A store that lasts for one validation: a manifest is checked by planning it into a temporary database, so that what
/// `validate` says is what `submit` does. Nothing is left of it, also when a signal ends the process.
enum ScratchStore {
  /// Plans into a store that nobody else sees.
  ///
  /// - Throws: what the body throws; ``CommandFailure`` that names `TMPDIR` when there is no room for the database.
  static func withPlan<T>(
    of settings: RunSettings, context: ProcessContext, _ body: (any PlanningSession) async throws -> T
  ) async throws -> T {
    do {
      let store = try await SQLiteStore.openTemporary(now: context.clock.now())
      let session = try await store.plan(
        RunDraft(
          createdAt: context.clock.now(), random: context.random.next(), name: nil, job: nil, manifest: "",
          manifestFile: nil, settings: settings))
      let result = try await body(session)
      try await store.close()
      return result
    } catch let error as StoreError {
      switch error.code {
      case .unavailable, .full, .inputOutput:
        throw CommandFailure(
          .store, code: error.code.rawValue,
          "failed to write temporary data while the manifest was checked: \(error.message)",
          remedy:
            "free space, or set TMPDIR to a folder that this user may write and that has room for about as "
            + "much as the manifest has without compression")
      default: throw error
      }
    }
  }
}
