/// What the service's listing showed of one index at one look.
package struct Sighting: Sendable, Equatable {
  /// When the look began.
  package var takenAt: Timestamp
  /// Tasks of the window that were listed, whatever their names.
  package var tasks: Int
  /// For each file name that was looked for the times, by the service's clock, at which tasks of that name were
  /// made.
  package var times: [FileName: [Timestamp]]
  /// The newest time of a task that the listing shows without a file name, or with one that is no file's (a UUID); it
  /// may be anybody's.
  package var newestUnnamed: Timestamp?

  /// A sighting as it was made.
  package init(
    takenAt: Timestamp, tasks: Int = 0, times: [FileName: [Timestamp]], newestUnnamed: Timestamp? = nil
  ) {
    self.takenAt = takenAt
    self.tasks = tasks
    self.times = times
    self.newestUnnamed = newestUnnamed
  }

  /// How many tasks of a name were made since a moment of the service's clock.
  package func count(of name: FileName, since moment: Timestamp) -> Int {
    times[name, default: []].count { $0 >= moment }
  }

  /// Whether a task of that name was made since a moment of our clock, less the margin for the two clocks.
  package func shows(_ name: FileName, since moment: Timestamp) -> Bool {
    count(of: name, since: moment - SettlingRule.clockMargin) > 0
  }

  /// Whether every item of a control is there.
  package func shows(_ control: Control) -> Bool {
    control.names.allSatisfy { name in
      guard let count = control.counts[name] else { return shows(name, since: control.startedAt) }
      return self.count(of: name, since: count.windowStart) >= count.sent
    }
  }
}

/// One index as settling knows it at one look.
package struct IndexEvidence: Sendable, Equatable {
  /// What the listing showed.
  package var sighting: Sighting
  /// Accepted chunks of the run with items of the index: those begun soonest after the attempt ended, and the newest.
  package var controls: [Control]
  /// Accepted chunks of the index that started before the attempt, newest first. One of them has to be seen as
  /// well: else the clock was set between then and now, and times prove nothing.
  package var anchors: [Control]
  /// When each control was first seen whole: its lag is at most the time from its acceptance to then.
  package var firstShown: [ChunkNumber: Timestamp]
  /// Those controls that an earlier look did not show: their lag was measured, and does not depend on when a look was
  /// made.
  package var wasMissing: Set<ChunkNumber> = []
  /// When somebody set the machine's clock forward, and by how much, as far as this process noticed.
  package var stepsForward: [ClockStep] = []
  /// How far behind the listing of the index was when that was last seen, by this process or an earlier one.
  package var recordedLag: ListingLag?
  /// For names that may stand for several items: their counts; `nil` for a name that cannot be counted. A name
  /// that is missing stands for one item.
  package var counts: [FileName: NameCount?]

  /// Evidence of one index.
  package init(
    sighting: Sighting, controls: [Control], anchors: [Control] = [], firstShown: [ChunkNumber: Timestamp],
    recordedLag: ListingLag? = nil, counts: [FileName: NameCount?] = [:]
  ) {
    self.sighting = sighting
    self.controls = controls
    self.anchors = anchors
    self.firstShown = firstShown
    self.recordedLag = recordedLag
    self.counts = counts
  }
}
