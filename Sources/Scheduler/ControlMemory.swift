import BatchDomain

/// Which controls the listing showed when: how far behind it is.
struct ControlMemory {
  /// When each control was first seen whole.
  private(set) var firstShown: [ChunkNumber: Timestamp] = [:]
  /// Indexes whose listing was seen to be further behind than recorded.
  private var contradicted: Set<IndexID> = []

  /// Learns from one look at an index.
  ///
  /// - Returns: what is to be recorded from now on; `nil` when what is recorded stands.
  mutating func learn(
    from evidence: IndexEvidence, index: IndexID, recorded: ListingLag?, now: Timestamp
  ) -> ListingLag? {
    var shown: [ListingLag] = []
    for control in evidence.controls + evidence.anchors {
      if evidence.sighting.shows(control) {
        let shownAt = firstShown[control.chunk] ?? now
        firstShown[control.chunk] = shownAt
        shown.append(
          ListingLag(acceptedAt: control.acceptedAt, lag: max(.zero, shownAt.since(control.startedAt))))
      } else if let recorded, evidence.sighting.takenAt.since(control.startedAt) > recorded.lag {
        contradicted.insert(index)
      }
    }
    guard let recorded else { return shown.min { $0.lag < $1.lag } }
    if contradicted.contains(index) {
      guard let later = shown.filter({ $0.acceptedAt > recorded.acceptedAt }).max(by: { $0.lag < $1.lag })
      else { return nil }
      contradicted.remove(index)
      return later
    }
    // A control that is seen late may have been there for long: only a shorter time says more than is known.
    return shown.filter { $0.lag < recorded.lag }.min { $0.lag < $1.lag }
  }

  /// Whether the listing of an index was seen to be further behind than recorded.
  func isContradicted(_ index: IndexID) -> Bool { contradicted.contains(index) }
}
