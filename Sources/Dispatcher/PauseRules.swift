import BatchDomain

/// When failures pause a run: what it remembers of them, and the causes that follow. Pure values; whether a run that has
/// nothing left to do is paused at all is for ``DispatcherState`` to say.
struct PauseRules: Sendable {
  /// Requests in a row whose name cannot be resolved after which the run is paused, if it never could be: the name may
  /// be misspelt, and waiting does not help.
  static let unresolvedLimit = 3

  /// Equal refusals of one step in a row, none about its item and no success between, after which the run is paused: it is
  /// likely that something is wrong with our requests.
  static let equalRefusalLimit = 10

  /// Items that have to be decided, or well under way, before a percentage of them is judged, where an item takes several
  /// steps: one bad item is decided long before its good neighbours.
  static let leastItems = 10

  /// Whether the name of the service, or of the proxy, was ever resolved in this run at its present address: if so,
  /// that it cannot be is an outage, else a mistake.
  private var wasResolved: Bool
  /// Requests whose name could not be resolved, as long as none ever was.
  private var unresolved = 0
  /// What the last request that came to nothing failed with, and when.
  private var lastFailure: (text: String, at: Timestamp)?
  /// The last refusal of each step that was not about its item, and how often it came in a row.
  private var generalRefusals: [ChunkStep: (text: String, count: Int)] = [:]

  init(wasResolved: Bool) { self.wasResolved = wasResolved }

  /// A request came to nothing.
  mutating func noteFailure(_ text: String?, at moment: Timestamp) {
    lastFailure = text.map { ($0, moment) }
  }

  /// Whether an answer, or the lack of one, says that the name of the service is wrong.
  mutating func resolving(_ answered: Answered) -> StopCause? {
    switch answered.obstacle {
    case nil, .connection: wasResolved = true
    case .openFiles, .closedWindow, .notSent, .objectStore, .beforeConnecting: break
    case .unresolvedName:
      guard !wasResolved else { return nil }
      unresolved += 1
      guard unresolved >= Self.unresolvedLimit else { return nil }
      let failure = answered.ending.failure ?? "the name cannot be resolved"
      return .paused(.endpoint, detail: "\(failure), in \(unresolved) tries and never before in this run")
    }
    return nil
  }

  /// Whether a move is one equal refusal too many.
  mutating func refusing(_ move: ChunkMove) -> StopCause? {
    switch move.event {
    case .accepted, .settledReceived, .stepAccepted, .stepDone: generalRefusals[move.step] = nil
    case .refused:
      guard let text = move.generalRefusal else { break }
      let count = generalRefusals[move.step].map { $0.text == text ? $0.count + 1 : 1 } ?? 1
      generalRefusals[move.step] = (text, count)
      guard count >= Self.equalRefusalLimit else { break }
      return .paused(
        .failures,
        detail:
          "the service refused \(count) requests of the step \(move.step) in a row with \(text), which is not "
          + "about a video")
    default: break
    }
    return nil
  }

  /// Why a wait pauses the run; `nil` where it is sat out.
  func waiting(_ wait: Gate.Wait, now: Moment) -> StopCause? {
    guard wait.isTooLong else { return nil }
    switch wait.cause {
    case .outage:
      let since = "nothing got through since \(now.wall(at: wait.since))"
      let failure = lastFailure.map { "; the last request failed at \($0.at): \($0.text)" } ?? ""
      return .paused(.unreachable, detail: since + failure)
    case .service, .recorded:
      let end = now.wall(at: wait.until)
      return .paused(.throttled, detail: "\(wait.reason) until \(end), which is longer than --max-wait")
    }
  }

  /// Whether more items of a run were lost than `--max-failures` permits.
  ///
  /// - Parameter underWay: items whose first step was taken and that are not decided, where an item takes several: they
  ///   count as good so far.
  static func losing(
    _ counts: StateCounts, of items: Int, permitting limit: FailureThreshold, underWay: Int?
  ) -> StopCause? {
    let judged = counts.decidedItems + counts.openPieceItems + (underWay ?? 0)
    guard
      limit.isExceeded(
        lost: counts.lostItems, decided: judged, total: items, least: underWay == nil ? 0 : leastItems)
    else { return nil }
    let what =
      underWay == nil
      ? HumanNumber.text(counts.decidedItems, "decided item")
      : "\(HumanNumber.text(judged, "item")) decided or taken so far"
    return .paused(
      .failures,
      detail:
        "\(HumanNumber.text(counts.lostItems)) of \(what) \(counts.lostItems == 1 ? "was" : "were") rejected or failed, "
        + "more than --max-failures \(limit.text)"
    )
  }
}
