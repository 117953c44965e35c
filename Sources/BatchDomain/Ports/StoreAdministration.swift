/// The writing side of a store, but for what the owner of a run does: new runs, who owns one, and what it was told.
package protocol StoreAdministration: RunControl {
  /// Records a new run in state `planning`, owned by this process, and returns the session that fills it.
  ///
  /// - Throws: ``StoreError``.
  func plan(_ draft: RunDraft) async throws -> any PlanningSession

  /// Takes a run that died while it was planned, removes what was recorded of it, and returns the session that plans it
  /// again.
  ///
  /// - Throws: ``StoreError`` with code `owned` while its owner lives, `wrong_state` when it was planned.
  func planAgain(_ run: RunID) async throws -> any PlanningSession

  /// Takes a run over from a dead process, or again after it was paused.
  ///
  /// What the dead owner was submitting becomes `unknown`. The take-over is at once: it depends on the
  /// owner being dead, not on any time passing.
  ///
  /// A request that another process made of the former owner is dropped; only a cancellation that the owner had begun
  /// continues (``WorkQueue/cancelPending()``, or a take-over to cancel).
  ///
  /// Where the store lost changes of the run that it had confirmed, the chunks that would be sent next become `unknown`, too:
  /// they may have been sent.
  ///
  /// - Parameters:
  ///   - isCancelling: whether it is taken over to be cancelled; this stays true for a later take-over.
  ///   - isUnattended: whether no person asked for it: a run of which changes may be lost is then paused
  ///     (``PauseReason/failedOver``) and not taken.
  /// - Throws: ``StoreError`` with code `owned` while its owner lives, `wrong_state` when it is still being
  ///   planned or was cancelled (and is not taken for that again), `no_such_run`.
  func take(
    _ run: RunID, isCancelling: Bool, isUnattended: Bool, at now: Timestamp
  ) async throws -> any RunSession

  /// Changes the settings of a run that may change after planning.
  ///
  /// - Throws: ``StoreError`` with code `owned` while a process owns the run.
  func change(_ settings: RunSettings, of run: RunID) async throws

  /// Ends every wait that the service of a run asked for, for every run of that service; whatever this one is doing.
  ///
  /// - Returns: of the waits that were in force, the one with most of it left; `nil` when none was.
  func endWaits(holding run: RunID, at now: Timestamp) async throws -> StoredWait?

  /// The runs that nobody works on and that a worker may take: those that were left for one (``PauseReason/detached``), and
  /// those whose owner is known to be dead or lost; the oldest first. Owners that are silent are watched from one call to the
  /// next.
  func runsToTake() async throws -> [RunID]

  /// Refuses a run that a live process owns, without taking it.
  ///
  /// - Throws: ``StoreError`` with code `owned`.
  func refuseOwned(_ run: RunID) async throws

  /// Whether a run is in the store.
  func exists(_ run: RunID) async throws -> Bool
}

extension StoreAdministration {
  /// Takes a run over because a person asked for it.
  package func take(_ run: RunID, isCancelling: Bool, at now: Timestamp) async throws -> any RunSession {
    try await take(run, isCancelling: isCancelling, isUnattended: false, at: now)
  }
}

/// A run that this process owns.
package protocol RunSession: WorkQueue, SettlingEvidence {}

extension RunSession {
  /// Intents that the run has recorded so far.
  package func intents() async throws -> Int { try await standing().attempts }
}

/// A store that is open for work. Another engine can stand behind it: nothing here speaks of files or locks.
package protocol BatchStore: RunCatalog, KnownItems, StoreAdministration, Tracking, RunRemoving, RunCopying {
  /// The clock that the store's moments are told by, where it has one: several machines then agree on them. `nil` leaves
  /// them to the clock of the caller.
  var clock: (any BatchClock)? { get }

  /// How long a change is tried again while the store refuses it for a reason that may pass.
  var patience: Duration { get }

  /// For how long the store could not be reached; zero while it can.
  var silence: Duration { get }
}

/// Asks the owner of a run for something.
package protocol RunControl: Sendable {
  /// Asks the owner of a run to stop, keeping everything resumable. It never replaces a request to cancel.
  ///
  /// A request belongs to the ownership it was made for: it ends when that process releases the run or dies, and a
  /// later owner does not see it. One that is made while the run is being taken over is the new owner's.
  ///
  /// - Returns: the result. Asking again does not make a second request.
  func requestPause(of run: RunID) async throws -> RequestReceipt

  /// Asks the owner of a run to stop for good; otherwise as ``requestPause(of:)``.
  func requestCancel(of run: RunID) async throws -> RequestReceipt
}

/// What became of a request to the owner of a run.
package enum RequestReceipt: Sendable, Equatable {
  /// The live owner has it. It checks at least every second, and may end for another reason first.
  case delivered
  /// The owner was asked to cancel before, which stands.
  case outranked
  /// No live process sends the run; no request was stored.
  case noOwner
}

/// What is known of a run before its items are recorded.
package struct RunDraft: Sendable {
  /// When it is created.
  package var createdAt: Timestamp
  /// Random bits for the end of the run's id.
  package var random: UInt64
  /// A name the user gave it.
  package var name: String?
  /// The job it is an execution of: the path of its file as it was given.
  package var job: String?
  /// The same path from the root of the file system.
  package var jobPath: String?
  /// The manifest's path as given, `-` for standard input.
  package var manifest: String
  /// The manifest's absolute path, size in bytes and modification time: what `resume` compares when planning
  /// has to be done again. `nil` for what is not a regular file.
  package var manifestFile: ManifestFile?
  /// Whether the manifest is sent although it was submitted before.
  package var isAgain: Bool
  /// All settings of the run.
  package var settings: RunSettings

  /// A draft of a run.
  package init(
    createdAt: Timestamp, random: UInt64, name: String?, job: String?, jobPath: String? = nil,
    manifest: String,
    manifestFile: ManifestFile?, isAgain: Bool = false, settings: RunSettings
  ) {
    self.createdAt = createdAt
    self.random = random
    self.name = name
    self.job = job
    self.jobPath = jobPath
    self.manifest = manifest
    self.manifestFile = manifestFile
    self.isAgain = isAgain
    self.settings = settings
  }
}

/// A manifest as a regular file on disk.
package struct ManifestFile: Sendable, Equatable {
  /// Absolute path.
  package var path: String
  /// Size in bytes.
  package var bytes: Int64
  /// When it was last changed.
  package var modifiedAt: Timestamp

  /// A file as it was found.
  package init(path: String, bytes: Int64, modifiedAt: Timestamp) {
    self.path = path
    self.bytes = bytes
    self.modifiedAt = modifiedAt
  }
}

/// Records the items and chunks of a run in state `planning`. Calls take effect in the order they are made.
package protocol PlanningSession: EarlierItems, FingerprintedItems {
  /// The run's id.
  var run: RunID { get }

  /// Adds the next items, and the chunks they complete, together. Sequence numbers follow those of the last call without
  /// a gap.
  func append(_ batch: ItemBatch, chunks: [PlannedChunk]) async throws

  /// Adds the next chunks, in order: the last one, which no item completes.
  func add(_ chunks: [PlannedChunk]) async throws

  /// Makes everything durable and moves the run to `running`, owned by this process, unless another run has the same
  /// manifest and destination and the draft does not insist. Both happen in one change.
  ///
  /// A plan that left known items out (``PlanTotals/skips``) is none that repeats another, and without items it is finished
  /// at once.
  ///
  /// - Throws: ``StoreError``.
  func complete(_ totals: PlanTotals, at now: Timestamp) async throws -> PlanCompletion

  /// The source texts of items in order, from a sequence number on, `limit` at most; fewer only at the end.
  func sources(from first: Int, limit: Int) async throws -> [StoredItem]

  /// Removes the items and chunks that were recorded; the run is planned from its beginning then.
  func clear() async throws

  /// Removes the run and everything recorded for it.
  func abandon() async throws
}

/// What the end of planning came to.
package enum PlanCompletion: Sendable {
  /// The run can be sent.
  case planned(any RunSession)
  /// An earlier run has this manifest, perhaps one that was removed since; nothing was changed, and the plan is still to be
  /// abandoned.
  case repeats(RunID)
  /// Every item is known, and the run is finished.
  case nothingNew
  /// Another run was planned, or put items back, since the items were compared with what is known; nothing was changed, and
  /// the plan is still to be cleared or abandoned.
  case outdated
}

/// What is known of a manifest once all of it was read.
package struct PlanTotals: Sendable, Equatable {
  /// Distinct items that are to be sent, 1 or more unless items were left out.
  package var items: Int
  /// Elements that repeat an earlier one.
  package var repeated: Int
  /// SHA-256 over the items' wire forms, those that were left out included: what tells that a manifest was submitted
  /// before. 32 bytes.
  package var digest: [UInt8]
  /// What was left out because it is known; `nil` where nothing was to be left out.
  package var skips: Skips?

  /// What was left out, and what was known then.
  package struct Skips: Sendable, Equatable {
    /// What was left out.
    package var groups: [KnownGroup]
    /// ``KnownResult/revision``.
    package var revision: Int
    /// SHA-256 over the wire forms of the items that are left, 32 bytes.
    package var itemsDigest: [UInt8]
    /// Whether a manifest without anything new that was submitted before makes no run of its own.
    package var refusesRepeats: Bool

    /// What was left out.
    package init(groups: [KnownGroup], revision: Int, itemsDigest: [UInt8], refusesRepeats: Bool = false) {
      self.groups = groups
      self.revision = revision
      self.itemsDigest = itemsDigest
      self.refusesRepeats = refusesRepeats
    }
  }

  /// Totals of a manifest.
  package init(items: Int, repeated: Int, digest: [UInt8], skips: Skips? = nil) {
    self.items = items
    self.repeated = repeated
    self.digest = digest
    self.skips = skips
  }
}

/// A copy of a store in one file, made while others use the store.
package struct StoreCopy: Sendable, Equatable {
  /// Size of the copy in bytes.
  package let bytes: Int64
  /// SHA-256 of the copy, 32 bytes.
  package let digest: [UInt8]

  /// A copy as it was measured.
  package init(bytes: Int64, digest: [UInt8]) {
    self.bytes = bytes
    self.digest = digest
  }
}
