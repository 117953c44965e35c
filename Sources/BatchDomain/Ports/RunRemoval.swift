/// What a store says of old runs before they are removed. It changes nothing.
package protocol OldRuns: Sendable {
  /// Every run, the oldest first, with what tells without reading its items that it is to be kept. Runs whose removal
  /// was begun and has not ended are among them; nothing else shows those.
  ///
  /// - Parameter moment: runs of which something was recorded since are ``KeptRun/recent``.
  func oldRuns(before moment: Timestamp) async throws -> [OldRun]

  /// Reads all that is recorded of a run that may be removed: whether that is consistent, whether another run still
  /// needs it, and how much it is.
  func examine(_ run: OldRun, at now: Timestamp) async throws -> RunRemoval

  /// When a run was removed; `nil` for one that is there, and for one that never was.
  func removal(of run: RunID) async throws -> Timestamp?
}

/// The port that removes old runs. What they had accepted, or rejected for good, stays known (``KnownItems``), and so does
/// that their manifests were submitted.
///
/// A run is there as a whole, or it is gone for everybody, from one change to the next, whenever a process dies. What a
/// removal that was cut off left behind is removed by the next one.
package protocol RunRemoving: OldRuns {
  /// Reads the whole index of known items: once a run is gone, it is all that is left of what the run had accepted.
  ///
  /// - Throws: ``StoreError`` with code `damaged`.
  func checkKnownItems() async throws

  /// Examines a run and removes it, unless there is a reason to keep it by then.
  ///
  /// Takes the time of a report of all of its items. Processes that send other runs go on meanwhile. Requests of the last
  /// day stay recorded as long as rates count them, though nothing else shows them.
  ///
  /// - Throws: ``StoreError``; with code `conflict` when the index of known items does not have all of its items
  ///   (``KnownItems/indexKnownItems(isStopped:)``).
  func remove(_ run: OldRun, at now: Timestamp) async throws -> RunRemoval
}

/// A run as a removal of old runs sees it.
package struct OldRun: Sendable, Equatable {
  /// The run's id.
  package var run: RunID
  /// Distinct items.
  package var items: Int
  /// When something was last recorded of it: its creation, an answer, its end, a look of tracking.
  package var lastChangeAt: Timestamp
  /// Whether its removal was begun: it is gone for everybody, and rows of it are left.
  package var isBegun: Bool
  /// Why it is to be kept, as far as that is known without reading its items; `nil` for one that may be removed.
  package var kept: KeptRun?

  /// A run as the store has it.
  package init(run: RunID, items: Int, lastChangeAt: Timestamp, isBegun: Bool = false, kept: KeptRun? = nil) {
    self.run = run
    self.items = items
    self.lastChangeAt = lastChangeAt
    self.isBegun = isBegun
    self.kept = kept
  }
}

/// Why a run is not removed.
package enum KeptRun: Sendable, Hashable {
  /// Something was recorded of it not long ago.
  case recent
  /// A live process owns it.
  case live
  /// It is being planned, can be resumed, or has items that are not decided.
  case unfinished
  /// It is over, and answers of some of its items are unknown.
  case unknown
  /// An answer of that run was lost, and this run sent videos with the same names: settling has to know of them.
  case needed(by: RunID)
  /// Its records contradict each other: what it had accepted may not all be known.
  case inconsistent
}

/// What the removal of a run came to, or would come to.
package struct RunRemoval: Sendable, Equatable {
  /// About how many bytes its records take: later runs use that room. 0 for a run that is kept.
  package var bytes: Int
  /// Why it is kept; `nil` where it is removed.
  package var kept: KeptRun?

  /// A removal in its parts.
  package init(bytes: Int = 0, kept: KeptRun? = nil) {
    self.bytes = bytes
    self.kept = kept
  }
}
