/// An item that this store sent to an index under a file name, in whichever run.
package struct NamedSend: Sendable, Hashable {
  /// The index it went to.
  package var index: IndexID
  /// Its file name.
  package var name: FileName
  /// The object itself, which tells two items of one name apart.
  package var object: ObjectName
  /// When its attempt started.
  package var startedAt: Timestamp
  /// When its attempt ended; `nil` while it is under way.
  package var endedAt: Timestamp?
  /// Whether it is recorded as accepted; else it may or may not have been received.
  package var isAccepted: Bool

  /// A send as the store has it.
  package init(
    index: IndexID, name: FileName, object: ObjectName, startedAt: Timestamp, endedAt: Timestamp?,
    isAccepted: Bool
  ) {
    self.index = index
    self.name = name
    self.object = object
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.isAccepted = isAccepted
  }
}

/// Tells items of one file name apart by counting: how many tasks of that name the listing shows, against how many
/// this store sent.
package struct NameCount: Sendable, Equatable {
  /// Where counting starts, by our clock: no send of the name straddles that moment.
  package let windowStart: Timestamp
  /// Distinct objects sent since then.
  package let sent: Int
  /// Those of them that are recorded as accepted.
  package let accepted: Int
  /// When the last of those sends ended, by our clock; `nil` while one is under way. A listing that has not caught up
  /// to it may lack a task of any of them.
  package let endedAt: Timestamp?

  /// What the count of one name says about the items that are not known.
  package enum Reading: Sendable, Equatable {
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
  package init?(_ sends: [NamedSend], since start: Timestamp, knownSince: Timestamp) {
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
  package func reading(listed: Int) -> Reading {
    if sent == accepted {
      return .unclear("\(listed) tasks of its name are listed, and another item of that name was sent")
    }
    if listed == sent { return .received }
    if listed == accepted { return .notReceived }
    return .unclear("\(listed) tasks of its name are listed where \(sent) were sent and \(accepted) accepted")
  }
}
