internal import BatchDomain

/// Tells items of one file name apart by counting: how many tasks of that name the listing shows, against how many
/// this store sent.
struct NameCount: Sendable, Equatable {
  /// Where counting starts, by our clock: no send of the name straddles that moment.
  let windowStart: Timestamp
  /// Distinct objects sent since then.
  let sent: Int
  /// Those of them that are recorded as accepted.
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
    accepted = Set(inside.filter(\.isAccepted).map(\.object)).count
    endedAt = inside.contains { $0.endedAt == nil } ? nil : inside.compactMap(\.endedAt).max()
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
