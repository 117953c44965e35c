/// The port for items that the service accepted in any run.
package protocol KnownItems: Sendable {
  /// Looks for items that were accepted in other runs of the same service.
  ///
  /// Takes a few seconds for a million accepted items that were not looked for before, and memory that does not grow
  /// with them.
  ///
  /// - Parameters:
  ///   - items: the items to look for.
  ///   - address: the address of the service, in any spelling (``Origin``).
  ///   - run: the run they are of, which does not count; `nil` when it is not in this store.
  ///   - isStopped: checked from time to time; `true` ends the search.
  /// - Returns: `nil` when no item was accepted before, or when the search was ended.
  /// - Throws: ``StoreError``.
  func acceptedBefore(
    _ items: any IdentifiedItems, sentTo address: String, in run: RunID?, isStopped: @Sendable () -> Bool
  ) async throws -> AcceptedBefore?
}

/// Items that can be asked for their identities, in order.
package protocol IdentifiedItems: Sendable {
  /// The identities of the items from a sequence number on, `limit` at most; fewer only at the end.
  func identities(from first: Int, limit: Int) async throws -> [ItemIdentity]
}

/// Items that the service accepted before.
package struct AcceptedBefore: Sendable, Equatable {
  /// How many of the items.
  package var items: Int
  /// How many runs they were accepted in.
  package var runs: Int
  /// The latest of those runs.
  package var newest: RunID

  /// What a store found.
  package init(items: Int, runs: Int, newest: RunID) {
    self.items = items
    self.runs = runs
    self.newest = newest
  }
}
