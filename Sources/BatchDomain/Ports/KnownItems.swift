/// The port for what the runs of a store did with items: what was accepted, what was rejected for good, what an unfinished
/// run still has. It stays true when runs are removed.
package protocol KnownItems: Sendable {
  /// Begins a comparison of items with those of the store's runs.
  func comparison(_ scope: KnownScope) async throws -> any KnownComparison

  /// Whether no run of the store may know an item of that scope; a look that costs nothing.
  func knowsNothing(_ scope: KnownScope) async throws -> Bool

  /// Brings the index of known items up to date with what the runs recorded since. Nothing is missed without it: a
  /// comparison reads what is not in the index yet. It is cheaper once a run has ended than when the next one is planned;
  /// a run is removed only after it (``RunRemoving``). Takes less than a second for each million items.
  ///
  /// - Returns: whether the index is up to date now: another process may be writing it, or `isStopped` said so.
  /// - Throws: ``StoreError``.
  @discardableResult
  func indexKnownItems(isStopped: @Sendable () -> Bool) async throws -> Bool
}

/// Which known items count.
package struct KnownScope: Sendable {
  /// What items are compared with.
  package enum Side: Sendable {
    /// What every run of the store did with items, but for one that is not counted: that which they are of.
    case runs(except: RunID?)
    /// What any run of the store had accepted, and nothing else.
    case accepted
    /// The items of one run, whatever became of them.
    case run(RunID)
  }

  /// The address of the service, in any spelling (``Origin``).
  package var address: String
  /// Generations of the service's API that have one set of videos.
  package var family: ProfileFamily
  /// What items are compared with.
  package var side: Side

  /// A scope in its parts.
  package init(address: String, family: ProfileFamily, side: Side) {
    self.address = address
    self.family = family
    self.side = side
  }

  /// What the other runs know of the items of a run with these settings.
  package init(_ settings: RunSettings, except run: RunID?) {
    self.init(address: settings.baseURL, family: settings.profile.family, side: .runs(except: run))
  }
}

/// A comparison of items with known ones. Memory does not grow with either side, but for a byte for each item.
package protocol KnownComparison: Sendable {
  /// Adds the next items, in their order.
  func add(_ items: [ItemFingerprint]) async throws

  /// Compares what was added, with what is known at this moment. May be asked again: then with what is known then.
  ///
  /// - Returns: `nil` when `isStopped` said so.
  /// - Throws: ``StoreError``.
  func result(isStopped: @Sendable () -> Bool) async throws -> KnownResult?

  /// Gives back what the comparison has in files.
  func close() async throws
}

/// What is known of one item.
package enum KnownClass: UInt8, Sendable, CaseIterable {
  /// Nothing.
  case new
  /// The same item with the same content was accepted.
  case accepted
  /// An unfinished run has the same item with the same content, or its answer was lost.
  case open
  /// The same item with the same content was rejected for good.
  case rejected
  /// The item is known with other content only.
  case changed

  /// The word for it.
  package var word: String { "\(self)" }

  /// The class with that word; `nil` when there is none.
  package init?(word: String) {
    guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
    self = found
  }
}

/// Items that an earlier run has, of one kind and for one reason.
package struct KnownGroup: Sendable, Hashable {
  /// ``KnownClass/accepted``, ``KnownClass/open`` or ``KnownClass/rejected``.
  package var kind: KnownClass
  /// The run that has them; of several, the latest.
  package var run: RunID
  /// Whether that run was removed since.
  package var isRemoved: Bool
  /// Why they were rejected: the service's error code, or what stood in its place.
  package var code: String?
  /// How many.
  package var items: Int

  /// A group in its parts.
  package init(
    kind: KnownClass, run: RunID, isRemoved: Bool = false, code: String? = nil, items: Int
  ) {
    self.kind = kind
    self.run = run
    self.isRemoved = isRemoved
    self.code = code
    self.items = items
  }
}

/// An item that is known with other content.
package struct ChangedItem: Sendable, Equatable {
  /// Sequence number, from 0.
  package var sequence: Int
  /// The latest run that has it.
  package var run: RunID
  /// Whether that run was removed since.
  package var isRemoved: Bool

  /// A changed item in its parts.
  package init(sequence: Int, run: RunID, isRemoved: Bool = false) {
    self.sequence = sequence
    self.run = run
    self.isRemoved = isRemoved
  }
}

/// What a comparison found.
package struct KnownResult: Sendable {
  /// For each item, what is known of it.
  package var classes: [KnownClass]
  /// The items that are known with the same content, by kind, run and reason; the latest run first.
  package var groups: [KnownGroup]
  /// The first items that are known with other content only, in their order, ``changesListed`` at most.
  package var changes: [ChangedItem]
  /// How many items there are of each class.
  package var counts: [KnownClass: Int]
  /// Items that were accepted in any earlier run, whatever their content is; `nil` when there are none.
  package var acceptedBefore: AcceptedBefore?
  /// Of the run that items were compared with: for each of its items, whether none of the items is it. Empty in a comparison
  /// with all runs.
  package var removed: [Bool]
  /// What the store knew at that moment: no plan that was compared then is completed once more is known.
  package var revision: Int

  /// Changes in ``changes`` at most.
  package static let changesListed = 20

  /// A result in its parts.
  package init(
    classes: [KnownClass], groups: [KnownGroup] = [], changes: [ChangedItem] = [],
    counts: [KnownClass: Int] = [:], acceptedBefore: AcceptedBefore? = nil, removed: [Bool] = [],
    revision: Int = 0
  ) {
    self.classes = classes
    self.groups = groups
    self.changes = changes
    self.counts = counts
    self.acceptedBefore = acceptedBefore
    self.removed = removed
    self.revision = revision
  }

  /// Items that are known with the same content: they need not be sent.
  package var skipped: Int { groups.reduce(0) { $0 + $1.items } }

  /// Whether an item need not be sent.
  package func isSkipped(_ sequence: Int) -> Bool {
    switch classes[sequence] {
    case .accepted, .open, .rejected: true
    case .new, .changed: false
    }
  }
}

/// Items that the service accepted before.
package struct AcceptedBefore: Sendable, Equatable {
  /// How many of the items.
  package var items: Int
  /// How many runs they were accepted in.
  package var runs: Int
  /// The latest of those runs.
  package var newest: RunID
  /// Whether that run was removed since.
  package var isNewestRemoved: Bool

  /// What a store found.
  package init(items: Int, runs: Int, newest: RunID, isNewestRemoved: Bool = false) {
    self.items = items
    self.runs = runs
    self.newest = newest
    self.isNewestRemoved = isNewestRemoved
  }
}

/// Items that can be asked for their fingerprints, in order.
package protocol FingerprintedItems: Sendable {
  /// The fingerprints of the items from a sequence number on, `limit` at most; fewer only at the end.
  func fingerprints(from first: Int, limit: Int) async throws -> [ItemFingerprint]
}

extension KnownItems {
  /// Items that earlier runs had accepted.
  ///
  /// - Returns: `nil` when no item was accepted before, or when the search was ended.
  package func acceptedBefore(
    _ items: any FingerprintedItems, in scope: KnownScope, isStopped: @Sendable () -> Bool
  ) async throws -> AcceptedBefore? {
    guard try await !knowsNothing(scope) else { return nil }
    let comparison = try await comparison(scope)
    let pageSize = 1 << 13
    var next = 0
    while !isStopped() {
      let page = try await items.fingerprints(from: next, limit: pageSize)
      try await comparison.add(page)
      next += page.count
      if page.count < pageSize { break }
    }
    let result = isStopped() ? nil : try await comparison.result(isStopped: isStopped)
    try await comparison.close()
    return result?.acceptedBefore
  }
}
