/// What the service's listing showed of one index at one look.
package struct Sighting: Sendable, Equatable {
  /// When the look began.
  package var takenAt: Timestamp
  /// For each file name the newest time, by the service's clock, at which a task of that name was made.
  package var newest: [String: Timestamp]
  /// The newest time of a task that the listing shows without a file name; it may be anybody's.
  package var newestUnnamed: Timestamp?

  /// A sighting as it was made.
  package init(takenAt: Timestamp, newest: [String: Timestamp], newestUnnamed: Timestamp? = nil) {
    self.takenAt = takenAt
    self.newest = newest
    self.newestUnnamed = newestUnnamed
  }

  /// How many of these names belong to a task made since a moment, less the margin for the clocks.
  package func count(of names: [String], since moment: Timestamp) -> Int {
    let start = moment - SettlingRule.clockMargin
    return names.count { name in newest[name].map { $0 >= start } ?? false }
  }

  /// Whether every item of a control is there.
  package func shows(_ control: Control) -> Bool {
    count(of: control.names, since: control.startedAt) == control.names.count
  }
}

/// One index as settling knows it at one look.
package struct IndexEvidence: Sendable, Equatable {
  /// What the listing showed.
  package var sighting: Sighting
  /// Accepted chunks of the run with items of the index: those that started after the attempt ended, or, where
  /// there is none, the newest.
  package var controls: [Control]
  /// Accepted chunks of the index that started before the attempt, newest first. One of them has to be seen as
  /// well: else the clock was set between then and now, and times prove nothing.
  package var anchors: [Control]
  /// When each control was first seen whole: its lag is at most the time from its acceptance to then.
  package var firstShown: [ChunkNumber: Timestamp]

  /// Evidence of one index.
  package init(
    sighting: Sighting, controls: [Control], anchors: [Control] = [], firstShown: [ChunkNumber: Timestamp]
  ) {
    self.sighting = sighting
    self.controls = controls
    self.anchors = anchors
    self.firstShown = firstShown
  }
}

/// Decides what became of an unknown chunk from what the listing showed: a pure function.
///
/// Seen is proof; absence is evidence only beside a control that shows that the listing has caught up.
package enum SettlingRule {
  /// How far before an attempt the service's clock may put its tasks: the clocks of two machines differ.
  package static let clockMargin: Duration = .seconds(120)

  /// What one look at a chunk says.
  package enum Reading: Sendable, Equatable {
    /// Every item of it was seen.
    case received
    /// No item of it was seen, beside controls that prove it; a second look has to agree.
    case absent(controls: [ChunkNumber])
    /// Nothing can be concluded yet; later looks may, though not before that moment, where it is known.
    case open(String, notBefore: Timestamp? = nil)
    /// Nothing can ever be concluded from the listing.
    case undecidable(String)
  }

  /// Reads the evidence for one chunk.
  ///
  /// - Parameters:
  ///   - chunk: the unknown chunk.
  ///   - evidence: what is known of each of its indexes; an index that is missing could not be listed.
  ///   - settleDelay: the shortest time after which an absence means anything.
  package static func read(
    _ chunk: UnknownChunk, evidence: [IndexID: IndexEvidence], settleDelay: Duration
  ) -> Reading {
    if chunk.wasSentElsewhere {
      return .undecidable("it was sent to another address than the run's present one")
    }
    if chunk.namesClash {
      return .undecidable("a file name of it stands for another item of its index, too")
    }
    var seen = 0
    var total = 0
    for (index, names) in chunk.names {
      guard let known = evidence[index] else {
        return .open("the tasks of index \(index) could not be listed")
      }
      seen += known.sighting.count(of: names, since: chunk.startedAt)
      total += names.count
    }
    if seen == total { return .received }
    if seen > 0 { return .open("\(seen) of its \(total) items were seen") }
    var proofs: [ChunkNumber] = []
    for index in chunk.names.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
      guard let known = evidence[index] else { continue }
      switch control(for: chunk, in: known, settleDelay: settleDelay) {
      case .success(let control): proofs.append(control)
      case .failure(let lack):
        return .open(
          "none of its items was seen in index \(index), and \(lack.text)", notBefore: lack.notBefore)
      }
    }
    return .absent(controls: proofs)
  }

  private struct Lack: Error {
    let text: String
    var notBefore: Timestamp?
  }

  /// The control that proves that the listing has caught up to the end of the attempt.
  private static func control(
    for chunk: UnknownChunk, in known: IndexEvidence, settleDelay: Duration
  ) -> Result<ChunkNumber, Lack> {
    if let unnamed = known.sighting.newestUnnamed, unnamed >= chunk.startedAt - clockMargin {
      return .failure(Lack(text: "the listing shows tasks of that time without a file name"))
    }
    let anchors = known.anchors.filter { $0.startedAt < chunk.startedAt }
    guard anchors.isEmpty || anchors.contains(where: { known.sighting.shows($0) }) else {
      return .failure(
        Lack(text: "the listing does not show chunk \(anchors[0].chunk), accepted before it, either"))
    }
    let later = known.controls.filter { $0.startedAt > chunk.endedAt }
    if let shown = later.first(where: { known.sighting.shows($0) }) { return .success(shown.chunk) }
    guard later.isEmpty else {
      return .failure(
        Lack(text: "the listing does not show chunk \(later[0].chunk), accepted after it, either"))
    }
    guard let newest = known.controls.first else {
      return .failure(Lack(text: "no accepted chunk shows how far the listing has caught up"))
    }
    guard known.sighting.shows(newest), let firstShown = known.firstShown[newest.chunk] else {
      return .failure(
        Lack(text: "the listing does not show chunk \(newest.chunk), accepted before it, either"))
    }
    let needed = max(settleDelay, firstShown.since(newest.acceptedAt) * 2)
    guard known.sighting.takenAt.since(chunk.endedAt) >= needed else {
      return .failure(
        Lack(
          text: "the listing may be behind by \((needed / 2).components.seconds) s, as chunk "
            + "\(newest.chunk) shows",
          notBefore: chunk.endedAt + needed))
    }
    return .success(newest.chunk)
  }
}
