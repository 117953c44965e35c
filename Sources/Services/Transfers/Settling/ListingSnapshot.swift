internal import BatchDomain

/// What the service's listing showed of one index at one look.
struct ListingSnapshot: Sendable, Equatable {
  /// When the look began.
  var takenAt: Timestamp
  /// Tasks of the window that were listed, whatever their names.
  var tasks: Int
  /// For each file name that was looked for the times, by the service's clock, at which tasks of that name were
  /// made.
  var times: [FileName: [Timestamp]]
  /// The newest time of a task that the listing shows without a file name, or with one that is no file's (a UUID); it
  /// may be anybody's.
  var newestUnnamed: Timestamp?
  /// Why there may be more tasks in the window than were shown, as a part of a sentence: nothing that is missing is
  /// known to be absent. `nil` where the window was read whole.
  var gap: String?

  /// A snapshot as it was made.
  init(
    takenAt: Timestamp, tasks: Int = 0, times: [FileName: [Timestamp]], newestUnnamed: Timestamp? = nil,
    gap: String? = nil
  ) {
    self.takenAt = takenAt
    self.tasks = tasks
    self.times = times
    self.newestUnnamed = newestUnnamed
    self.gap = gap
  }

  /// How many tasks of a name were made since a moment of the service's clock.
  func count(of name: FileName, since moment: Timestamp) -> Int {
    times[name, default: []].count { $0 >= moment }
  }

  /// Whether a task of that name was made since a moment of our clock, less the margin for the two clocks.
  func shows(_ name: FileName, since moment: Timestamp) -> Bool {
    count(of: name, since: moment - SettlingRule.clockMargin) > 0
  }

  /// Whether every item of a witness is there.
  func shows(_ witness: CountedWitness) -> Bool {
    witness.isCountable
      && witness.names.allSatisfy { name in
        guard let count = witness.counts[name] else { return shows(name, since: witness.startedAt) }
        return self.count(of: name, since: count.windowStart) >= count.tasks
      }
  }
}

/// A witness with the counts of its names, for those that may stand for several items.
@dynamicMemberLookup
struct CountedWitness: Sendable, Equatable {
  /// The accepted chunk.
  var witness: Witness
  /// For names that may stand for several items: their counts.
  var counts: [FileName: NameCount] = [:]
  /// Whether every name of it that stands for several items can be counted. Where one cannot, no listing shows the
  /// witness, and none lacks it.
  var isCountable = true

  /// A witness each of whose names stands for one item.
  init(_ witness: Witness) { self.witness = witness }

  /// What the store knows of the chunk.
  subscript<Value>(dynamicMember member: KeyPath<Witness, Value>) -> Value { witness[keyPath: member] }
}

/// One index as settling knows it at one look.
struct IndexEvidence: Sendable, Equatable {
  /// What the listing showed.
  var snapshot: ListingSnapshot
  /// Accepted chunks of the run with items of the index: those begun soonest after the attempt ended, and the newest.
  var witnesses: [CountedWitness]
  /// Accepted chunks of the index that started before the attempt, newest first. One of them has to be seen as
  /// well: else the clock was set between then and now, and times prove nothing.
  var earlierWitnesses: [CountedWitness]
  /// When each witness was first seen whole: its lag is at most the time from its acceptance to then.
  var firstShown: [ChunkNumber: Timestamp]
  /// Those witnesses that an earlier look did not show: their lag was measured, and does not depend on when a look was
  /// made.
  var wasMissing: Set<ChunkNumber> = []
  /// When somebody set the machine's clock forward, and by how much, as far as this process noticed.
  var stepsForward: [ClockStep] = []
  /// How far behind the listing of the index was when that was last seen, by this process or an earlier one.
  var recordedLag: ListingLag?
  /// For names that may stand for several items: their counts; `nil` for a name that cannot be counted. A name
  /// that is missing stands for one item.
  var counts: [FileName: NameCount?]

  /// Evidence of one index.
  init(
    snapshot: ListingSnapshot, witnesses: [CountedWitness], earlierWitnesses: [CountedWitness] = [],
    firstShown: [ChunkNumber: Timestamp],
    recordedLag: ListingLag? = nil, counts: [FileName: NameCount?] = [:]
  ) {
    self.snapshot = snapshot
    self.witnesses = witnesses
    self.earlierWitnesses = earlierWitnesses
    self.firstShown = firstShown
    self.recordedLag = recordedLag
    self.counts = counts
  }
}

/// Tells items of one file name apart by counting: how many tasks of that name the listing shows, against how many
/// this store sent.
struct NameCount: Sendable, Equatable {
  /// Where counting starts, by our clock: no send of the name straddles that moment.
  let windowStart: Timestamp
  /// Distinct objects sent since then.
  let sent: Int
  /// The most tasks that the service can have of those sends: each run makes its own, also of an object that another
  /// run sent. With as many listed, none is missing.
  let tasks: Int
  /// Those of the objects that are recorded as accepted.
  let accepted: Int
  /// When the last of those sends ended, by our clock; `nil` while one is under way. A listing that has not caught up
  /// to it may lack a task of any of them.
  let endedAt: Timestamp?

  /// What the count of one name says about the items that are not known.
  enum Reading: Sendable, Equatable {
    /// The service has all that was sent.
    case received
    /// The service has only what is recorded as accepted.
    case notReceived
    /// Neither, with the reason.
    case unclear(String)
  }

  /// Prepares the count of one name.
  ///
  /// - Parameters:
  ///   - sends: everything this store sent under that name to that index since `knownSince`.
  ///   - start: when the first of the attempts that are asked about started.
  ///   - knownSince: how far back `sends` reaches.
  /// - Returns: `nil` when no moment separates these sends from earlier ones.
  init?(_ sends: [NamedSend], since start: Timestamp, knownSince: Timestamp) {
    let margin = SettlingRule.clockMargin
    var window = start - margin
    // A task of a send that ended shortly before the window may be listed inside it, since the clocks differ; so the
    // window is widened until it takes such a send in from its beginning.
    while let straddling = sends.filter({
      $0.startedAt - margin < window && ($0.endedAt.map { $0 + margin } ?? window) >= window
    }).map(\.startedAt).min() {
      window = straddling - margin
    }
    guard window >= knownSince else { return nil }
    let inside = sends.filter { $0.startedAt - margin >= window }
    windowStart = window
    sent = Set(inside.map(\.object)).count
    tasks = Set(inside.map { RunObject(run: $0.run, object: $0.object) }).count
    accepted = Set(inside.filter(\.isAccepted).map(\.object)).count
    endedAt = inside.contains { $0.endedAt == nil } ? nil : inside.compactMap(\.endedAt).max()
  }

  private struct RunObject: Hashable {
    let run: Int64?
    let object: ObjectName
  }

  /// Compares with what the listing shows.
  ///
  /// - Parameter listed: tasks of that name made since ``windowStart``.
  func reading(listed: Int) -> Reading {
    if sent == accepted {
      return .unclear("\(listed) tasks of its name are listed, and another item of that name was sent")
    }
    if listed == sent { return .received }
    if listed == accepted { return .notReceived }
    return .unclear("\(listed) tasks of its name are listed where \(sent) were sent and \(accepted) accepted")
  }
}
