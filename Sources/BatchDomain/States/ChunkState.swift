/// What is known of a chunk. The raw values are what the store and the JSON output have.
package enum ChunkState: String, Sendable, CaseIterable {
  /// To be sent, not before its `ready_at`.
  case pending
  /// Its intent is on disk and its request may be under way; owned by one process.
  case submitting
  /// A step was accepted, and the service works on it; the next step is to be sent when it is done.
  case processing
  /// Its request may have reached the service; the answer is not known.
  case unknown
  /// The service took it.
  case accepted
  /// Refused for its content.
  case rejected
  /// Its counted attempts are used up, and the service did not take it.
  case failed
  /// Replaced by child ranges that cover it exactly.
  case split
  /// Cancelled by the user.
  case cancelled

  /// Whether nothing more happens to a chunk in this state unless a person asks for it.
  package var isFinal: Bool {
    switch self {
    case .pending, .submitting, .processing, .unknown: false
    case .accepted, .rejected, .failed, .split, .cancelled: true
    }
  }

  /// The states an item can be in: a chunk that was split hands its items to its children.
  package static let itemStates: [ChunkState] = allCases.filter { $0 != .split }
}

/// Something that happens to a chunk and may move it to another state.
package enum ChunkEvent: String, Sendable, CaseIterable {
  /// The intent to send it is recorded.
  case claimed
  /// The service accepted it.
  case accepted
  /// The service took a step that is not the last, and works on it.
  case stepAccepted
  /// A step that is not the last is done: the next one is to be sent.
  case stepDone
  /// The service refused a step, and whether the one before is done is looked at again first.
  case stepReopened
  /// The service did not take it, and it may be sent again: throttled, not processed, or a fault of the
  /// account, the endpoint or the index.
  case requeued
  /// The request may have reached the service, and no usable answer came; or the owner died meanwhile.
  case answerLost
  /// The service refused it for its content.
  case refused
  /// The service refused it for its content, and whether it took a part all the same is not known.
  case doubted
  /// So many items of its planned chunk were refused alone for one cause that the rest is rejected with them.
  case refusedAlike
  /// Its last permitted attempt is used up.
  case exhausted
  /// Child ranges take its place.
  case divided
  /// The user cancels it.
  case cancelled
  /// Settling found that the service has it.
  case settledReceived
  /// Settling found that the service does not have it.
  case settledNotReceived
  /// A person asked for it to be sent again.
  case retried
}

/// A move that the table of states does not have.
package struct IllegalMove: Error, Equatable, CustomStringConvertible {
  /// The state the chunk was in.
  package let state: ChunkState
  /// What happened to it.
  package let event: ChunkEvent

  /// A move that was tried.
  package init(state: ChunkState, event: ChunkEvent) {
    self.state = state
    self.event = event
  }

  /// Names the state and the event.
  package var description: String {
    "a chunk that is \(state.rawValue) cannot move on \"\(event.rawValue)\""
  }
}

extension ChunkState {
  /// The state after an event: the whole table of moves (`docs/state-machine.md` shows it).
  ///
  /// - Throws: ``IllegalMove`` when the event cannot happen in this state.
  package func after(_ event: ChunkEvent) throws(IllegalMove) -> ChunkState {
    switch (self, event) {
    case (.pending, .claimed): .submitting
    case (.pending, .cancelled): .cancelled
    case (.pending, .refusedAlike): .rejected

    case (.submitting, .accepted): .accepted
    case (.submitting, .requeued): .pending
    case (.submitting, .answerLost), (.submitting, .doubted): .unknown
    case (.submitting, .refused): .rejected
    case (.submitting, .exhausted): .failed
    case (.submitting, .divided): .split

    case (.submitting, .stepAccepted), (.submitting, .stepReopened): .processing
    case (.submitting, .stepDone): .pending

    case (.processing, .stepAccepted): .processing
    case (.processing, .stepDone), (.processing, .requeued): .pending
    case (.processing, .refused): .rejected
    case (.processing, .exhausted): .failed
    case (.processing, .cancelled): .cancelled

    case (.unknown, .stepAccepted): .processing
    case (.unknown, .settledReceived): .accepted
    case (.unknown, .settledNotReceived): .pending
    case (.unknown, .stepDone): .pending
    case (.unknown, .refused): .rejected
    case (.unknown, .exhausted): .failed
    case (.unknown, .divided): .split

    case (.rejected, .retried), (.failed, .retried): .pending

    case (.pending, _), (.submitting, _), (.processing, _), (.unknown, _), (.accepted, _), (.rejected, _),
      (.failed, _),
      (.split, _), (.cancelled, _):
      throw IllegalMove(state: self, event: event)
    }
  }
}

/// A kind of request that a chunk needs. The words are those of a service's module; the store keeps them as they are.
package struct ChunkStep: Hashable, Sendable, RawRepresentable, Codable, CustomStringConvertible {
  /// The word, as the store and the JSON output have it.
  package let rawValue: String

  /// A step of that name.
  package init(rawValue: String) { self.rawValue = rawValue }

  /// The only step of profiles v1 to v1.2: the items are handed over, and the service fetches the videos by itself.
  package static let transfer = ChunkStep(rawValue: "transfer")
  /// The first step of profile v1.3: the service fetches the video of a URL and makes an asset of it.
  package static let upload = ChunkStep(rawValue: "upload")
  /// The second step of profile v1.3: the asset is added to an index.
  package static let index = ChunkStep(rawValue: "index")

  /// The word.
  package var description: String { rawValue }
}
