/// What a store says of the accepted items of a run at the service.
package protocol TrackingRecords: Sendable {
  /// What is known of the accepted items of a run; `nil` when nobody ever tracked it.
  ///
  /// Takes a time that does not grow with the items that did not fail.
  func tracking(of run: RunID) async throws -> TrackingSummary?

  /// What is known of the items of a range, in order; those of which nothing is known are left out.
  func trackedItems(of run: RunID, in items: Range<Int>) async throws -> [TrackedItem]
}

/// The port that keeps what becomes of accepted items: rows only for runs that somebody tracks.
///
/// A process that tracks a run need not own it: several processes may do so at a time, and each change is whole by itself. An
/// item whose state is final keeps it, but where its name stands for others that are not.
package protocol Tracking: TrackingRecords {
  /// Begins to follow items that were accepted since this was last asked, some of them.
  ///
  /// - Parameters:
  ///   - after: where it goes on; `nil` begins.
  ///   - limit: at most about that many items.
  ///   - mark: by what an item is recognised in the listing of its index; `nil` for one that cannot be recognised.
  /// - Returns: how many, and where to go on; `nil` once every accepted item is followed.
  func follow(
    of run: RunID, after: Int?, limit: Int, mark: @escaping @Sendable (SentItem) -> String?
  ) async throws -> (followed: Int, next: Int?)

  /// The listings in which items of a run are still looked for, in order of index.
  func openListings(of run: RunID) async throws -> [OpenListing]

  /// Records a page of a listing, and where the next one begins, in one change.
  ///
  /// - Parameters:
  ///   - isByID: whether a mark stands for one item for sure. Else videos are put aside, and
  ///     ``judge(_:limit:at:)`` counts them when the listing was read.
  /// - Returns: how many items are in another state than before.
  @discardableResult
  func record(_ page: ListedPage, of listing: OpenListing, isByID: Bool) async throws -> Int

  /// Concludes from the videos that were put aside what became of the items of a listing that are not final, a part of
  /// them at a time.
  ///
  /// - Parameter after: where it goes on; `nil` begins.
  /// - Returns: how many items are in another state than before, and where to go on; `nil` at the end.
  func judge(
    _ listing: OpenListing, after: TrackingCursor?, limit: Int, at now: Timestamp
  ) async throws -> (changed: Int, next: TrackingCursor?)

  /// The listing was read as far back as needed.
  func endWalk(of listing: OpenListing) async throws

  /// Every listing of the run was read.
  func endLook(of run: RunID, at now: Timestamp) async throws

  /// Items that failed and whose reason was not asked for, some of them.
  func unexplained(of run: RunID, limit: Int) async throws -> [UnexplainedItem]

  /// Records why an item failed.
  ///
  /// - Parameter reason: the service's words; `nil` where it gives no reason.
  func explain(_ item: UnexplainedItem, reason: String?) async throws

  /// Asks the processes that track runs of this store to look soon.
  func requestLook(at now: Timestamp) async throws

  /// When a look was last asked for; `nil` when it never was.
  func lookRequestedAt() async throws -> Timestamp?
}

/// Where ``Tracking/judge(_:after:limit:at:)`` goes on.
package struct TrackingCursor: Sendable, Equatable {
  /// The mark that was looked at last, as the store has it.
  package var mark: [UInt8]

  /// A place behind a mark.
  package init(_ mark: [UInt8]) { self.mark = mark }
}

/// A listing in which items of a run are looked for.
package struct OpenListing: Sendable, Equatable {
  /// The store's number of it.
  package var id: Int64
  /// The run.
  package var run: RunID
  /// The index whose listing it is.
  package var index: IndexID
  /// Items that are not final.
  package var open: Int
  /// When the request with the oldest of those began: older videos are of no interest.
  package var since: Timestamp
  /// The page at which a walk goes on that was not ended, from 1; `nil` where none is under way.
  package var nextPage: Int?

  /// A listing in its parts.
  package init(
    id: Int64, run: RunID, index: IndexID, open: Int, since: Timestamp, nextPage: Int? = nil
  ) {
    self.id = id
    self.run = run
    self.index = index
    self.open = open
    self.since = since
    self.nextPage = nextPage
  }
}

/// A page of a listing.
package struct ListedPage: Sendable, Equatable {
  /// Its number, from 1.
  package var number: Int
  /// Its rows, in their order.
  package var videos: [ListedVideo]
  /// Whether no page follows.
  package var isLast: Bool
  /// When it was read.
  package var readAt: Timestamp

  /// A page as it was read.
  package init(number: Int, videos: [ListedVideo], isLast: Bool, readAt: Timestamp) {
    self.number = number
    self.videos = videos
    self.isLast = isLast
    self.readAt = readAt
  }
}

/// An item that is tracked.
package struct TrackedItem: Sendable, Equatable {
  /// Sequence number within the run, from 0.
  package var sequence: Int
  /// What was last found out about it.
  package var finding: TrackedFinding

  /// An item as the store has it.
  package init(sequence: Int, finding: TrackedFinding) {
    self.sequence = sequence
    self.finding = finding
  }
}

/// An item that failed, whose reason is to be asked for.
package struct UnexplainedItem: Sendable, Equatable {
  /// The run.
  package var run: RunID
  /// Sequence number within the run, from 0.
  package var sequence: Int
  /// The index that has it.
  package var index: IndexID
  /// The service's id.
  package var externalID: String

  /// An item as the store has it.
  package init(run: RunID, sequence: Int, index: IndexID, externalID: String) {
    self.run = run
    self.sequence = sequence
    self.index = index
    self.externalID = externalID
  }
}
