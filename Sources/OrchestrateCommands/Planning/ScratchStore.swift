import BatchDomain

/// A store that lasts for one validation: a manifest is checked by planning it into a temporary database, so that what
/// `validate` says is what `submit` does. Nothing is left of it, also when a signal ends the process.
///
/// It is SQLite's database with the empty name: in memory as long as it is small, and else in a file that is unlinked as
/// soon as it is open, in `$TMPDIR`, `/var/tmp`, `/usr/tmp` or `/tmp`. A named database would leave gigabytes behind after
/// Ctrl-C, a store in memory would grow with the manifest, and a session that is rolled back would write to the user's
/// database. Whether the manifest was submitted before is not known here; `submit` asks that in the transaction that
/// completes the plan.
enum ScratchStore {
  /// Plans into a store that nobody else sees.
  ///
  /// - Throws: what the body throws; ``CommandFailure`` that names `TMPDIR` when there is no room for the database.
  static func withPlan<T>(
    of settings: RunSettings, context: ProcessContext, _ body: (any PlanningSession) async throws -> T
  ) async throws -> T {
    do {
      let store = try await StoreOpener.openTemporary(now: context.clock.now())
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
          .store, code: CommandFailure.Code(rawValue: error.code.rawValue),
          "failed to write temporary data while the manifest was checked: \(error.message)",
          remedy:
            """
            free space, or set TMPDIR to a folder that this user may write and that has room for about as much as the \
            manifest has without compression
            """)
      default: throw error
      }
    }
  }
}
