/// What the service makes of an item that it accepted. The raw values are part of the command line's contract.
package enum TrackedState: String, Sendable, CaseIterable, Hashable {
  /// The listing does not show it.
  case notSeen = "not_seen"
  /// The listing shows it, and the service has not begun to index it.
  case waiting
  /// The service works on it.
  case indexing
  /// It can be searched.
  case ready
  /// The service could not index it, and never will.
  case failed
  /// The listing shows several videos that may be it, and they cannot be told apart.
  case ambiguous

  /// Whether it stays so: the item is not looked for any more.
  package var isFinal: Bool { self == .ready || self == .failed }

  /// The word of `export --state`, where `failed` is a state of items that were not accepted.
  package var exportWord: String { self == .failed ? "index_failed" : rawValue }
}

/// How many tracked items are in each state.
package struct TrackedCounts: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  private var items: [TrackedState: Int] = [:]

  /// Counts as they stand in a literal; zero for every state that is left out.
  package init(dictionaryLiteral elements: (TrackedState, Int)...) {
    for (state, count) in elements where count != 0 { items[state] = count }
  }

  /// The number of items in a state.
  package subscript(state: TrackedState) -> Int {
    get { items[state] ?? 0 }
    set { items[state] = newValue == 0 ? nil : newValue }
  }

  /// Items in any state.
  package var total: Int { items.values.reduce(0, +) }

  /// Items that stay as they are.
  package var final: Int { self[.ready] + self[.failed] }

  /// Items that are looked for again.
  package var open: Int { total - final }

  /// Items that the service is seen to work on.
  package var inProgress: Int { self[.waiting] + self[.indexing] }
}

/// What is known of the accepted items of a run at the service.
package struct TrackingSummary: Sendable, Equatable {
  /// Why items failed, in the service's words, with how many.
  package struct Reason: Sendable, Equatable {
    /// The service's words; `nil` where it gave no reason.
    package var text: String?
    /// Items that failed with it.
    package var items: Int

    /// A reason with its items.
    package init(_ text: String?, items: Int) {
      self.text = text
      self.items = items
    }
  }

  /// When the last look ended that read the listing of every index; `nil` before the first.
  package var lookedAt: Timestamp?
  /// When an item was last seen in another state than before.
  package var changedAt: Timestamp?
  /// Accepted items by state.
  package var states: TrackedCounts
  /// The commonest reasons of those that failed, most items first; ``reasonLimit`` at most.
  package var reasons: [Reason]

  /// Reasons that a summary has at most.
  package static let reasonLimit = 5

  /// A summary in its parts.
  package init(
    lookedAt: Timestamp?, changedAt: Timestamp? = nil, states: TrackedCounts, reasons: [Reason] = []
  ) {
    self.lookedAt = lookedAt
    self.changedAt = changedAt
    self.states = states
    self.reasons = reasons
  }
}

/// A video as a listing of the service shows it.
package struct ListedVideo: Sendable, Equatable {
  /// The service's id; rows may come twice while a list is read page by page.
  package var id: String
  /// By what accepted items are recognised in it; `nil` where it shows nothing of that kind.
  package var mark: String?
  /// When it was made, by the service's clock; `nil` when that cannot be read.
  package var createdAt: Timestamp?
  /// What the service makes of it; never ``TrackedState/notSeen`` or ``TrackedState/ambiguous``.
  package var state: TrackedState
  /// Why it failed, or the service's own word where it is one that nobody knows.
  package var detail: String?

  /// A video as it is listed.
  package init(
    id: String, mark: String?, createdAt: Timestamp?, state: TrackedState, detail: String? = nil
  ) {
    self.id = id
    self.mark = mark
    self.createdAt = createdAt
    self.state = state
    self.detail = detail
  }
}

/// An accepted item, as far as it is needed to find it in a listing.
package struct SentItem: Sendable, Equatable {
  /// Sequence number within the run, from 0.
  package var sequence: Int
  /// The index that received it.
  package var index: IndexID
  /// The video.
  package var object: ObjectName
  /// The id that the service gave with the last step; `nil` where it gives none.
  package var externalID: String?
  /// When the request with it was begun.
  package var since: Timestamp
  /// When that request ended.
  package var until: Timestamp

  /// An item as it was sent.
  package init(
    sequence: Int, index: IndexID, object: ObjectName, externalID: String?, since: Timestamp,
    until: Timestamp
  ) {
    self.sequence = sequence
    self.index = index
    self.object = object
    self.externalID = externalID
    self.since = since
    self.until = until
  }
}

/// What a look found out about one item.
package struct TrackedFinding: Sendable, Equatable {
  /// What the service makes of it.
  package var state: TrackedState
  /// The service's id; `nil` where it is not known which video it is.
  package var externalID: String?
  /// Why it failed, or the service's own word.
  package var detail: String?

  /// A finding in its parts.
  package init(_ state: TrackedState, externalID: String? = nil, detail: String? = nil) {
    self.state = state
    self.externalID = externalID
    self.detail = detail
  }

  /// What a listed video says of its item.
  package init(_ video: ListedVideo) {
    self.init(video.state, externalID: video.id, detail: video.detail)
  }
}

/// A video that an item of another run is known to have.
package struct TakenVideo: Sendable, Equatable {
  /// The service's id.
  package var id: String
  /// When the request with that item began.
  package var since: Timestamp
  /// When it ended.
  package var until: Timestamp

  /// A video with the request that brought it.
  package init(id: String, since: Timestamp, until: Timestamp) {
    self.id = id
    self.since = since
    self.until = until
  }
}

/// Tells the videos of one mark apart that several items may stand for, by count and time: a pure function.
///
/// Nothing links a listed video to the request that brought it but index, file name and time. n accepted items of one
/// name need n videos of that name that were made since. Are there fewer, the rest is not seen. Are there more, or are
/// they in different states, and times do not tell them apart, then none is said to be any of them. What an earlier request
/// is known to have brought is of that request.
package enum VideoMatching {
  /// How far the clocks of this machine and of the service may differ.
  package static let clockMargin: Duration = .seconds(120)

  /// What a listing says of items of one mark, in their order.
  ///
  /// - Parameters:
  ///   - items: when the request with each began and ended.
  ///   - videos: what is listed of that mark, in any order.
  ///   - taken: videos of that mark that items of other runs are known to have.
  package static func findings(
    of items: [(since: Timestamp, until: Timestamp)], among videos: [ListedVideo],
    taken: [TakenVideo] = []
  ) -> [TrackedFinding] {
    guard let first = items.map(\.since).min(), let last = items.map(\.until).max() else {
      return []
    }
    let videos = free(videos, of: taken, before: first)
    var found = videos.filter { ($0.createdAt ?? first) >= first - clockMargin }
    if found.count > items.count {
      // What was made long after the last request with the name is of somebody else.
      let near = found.filter { ($0.createdAt ?? last) <= last + clockMargin }
      if near.count == items.count { found = near }
    }
    if items.count > 1, let pairs = pairs(of: items, among: found) { return pairs.map(TrackedFinding.init) }
    guard found.count <= items.count else {
      return items.map { _ in TrackedFinding(.ambiguous) }
    }
    found.sort {
      ($0.createdAt ?? first, $0.id) < ($1.createdAt ?? first, $1.id)
    }
    let isMixed = Set(found.map(\.state)).count > 1
    return items.indices.map { position in
      guard position < found.count else { return TrackedFinding(.notSeen) }
      return isMixed ? TrackedFinding(.ambiguous) : TrackedFinding(found[position])
    }
  }

  /// Leaves out videos that an earlier request brought, as far as their times go with that, and what was made before one of
  /// them where that request was over: the service makes videos in the order of the requests.
  ///
  /// This needs no comparison of the two clocks, so that it holds for requests that are closer than they may differ.
  private static func free(
    _ videos: [ListedVideo], of taken: [TakenVideo], before first: Timestamp
  ) -> [ListedVideo] {
    var others: Set<String> = []
    var newest: Timestamp?
    for video in videos {
      guard let owner = taken.first(where: { $0.id == video.id && $0.since < first }),
        (video.createdAt ?? owner.until) <= owner.until + clockMargin
      else { continue }
      others.insert(video.id)
      guard let createdAt = video.createdAt, owner.until <= first else { continue }
      newest = newest.map { max($0, createdAt) } ?? createdAt
    }
    guard !others.isEmpty else { return videos }
    return videos.filter { video in
      guard !others.contains(video.id) else { return false }
      guard let newest, let createdAt = video.createdAt else { return true }
      return createdAt >= newest
    }
  }

  /// The one video for each item that was made while it was sent; `nil` where there is not exactly one for each.
  private static func pairs(
    of items: [(since: Timestamp, until: Timestamp)], among videos: [ListedVideo]
  ) -> [ListedVideo]? {
    guard videos.count == items.count else { return nil }
    var pairs: [ListedVideo] = []
    for item in items {
      let near = videos.filter { video in
        guard let createdAt = video.createdAt else { return true }
        return createdAt >= item.since - clockMargin && createdAt <= item.until + clockMargin
      }
      guard near.count == 1 else { return nil }
      pairs.append(near[0])
    }
    return Set(pairs.map(\.id)).count == pairs.count ? pairs : nil
  }
}

/// How long to wait between two looks at a run: a pure function.
package enum TrackingPace {
  /// The shortest time between two looks.
  package static let shortest: Duration = .seconds(1)
  /// The longest time between two looks that the age of a run makes.
  package static let longest: Duration = .seconds(600)

  /// The wait before the next look.
  ///
  /// - Parameters:
  ///   - age: the time since the last item was accepted.
  ///   - took: how long the last look took: a long listing is read at most half of the time.
  ///   - failures: looks in a row of which nothing came.
  ///   - unit: a random number in `0..<1`.
  package static func wait(age: Duration, took: Duration, failures: Int, unit: Double) -> Duration {
    let grown = max(shortest, min(longest, age / 10))
    let troubled =
      failures == 0 ? Duration.zero : BackOff.gate.wait(afterFailures: failures - 1, unit: unit)
    let wait = max(grown, took, min(longest, troubled))
    // Several trackers that were started together do not stay together.
    return max(shortest, wait * (0.9 + 0.2 * unit))
  }
}
