/// A chunk whose answer was lost, or whose refusal may have taken a part, with everything settling needs to know.
package struct UnknownChunk: Sendable, Equatable {
  /// An item as the service's listing may show it.
  package struct Item: Sendable, Hashable {
    /// The index that receives it.
    package var index: IndexID
    /// Its object.
    package var object: ObjectName
    /// Its file name: the last path segment of its object.
    package var name: FileName

    /// An item by its index and object.
    ///
    /// - Parameter name: its file name; `nil` stands for an object that is nothing but its name.
    package init(index: IndexID, object: ObjectName? = nil, name: FileName) {
      self.index = index
      self.object = object ?? ObjectName(name.rawValue)
      self.name = name
    }
  }

  /// How its answer came to be missing.
  package enum Loss: Sendable, Equatable, CaseIterable {
    /// An answer with a status came that says nothing about the chunk (5xx and the like).
    case answered
    /// No usable answer came: time-out or break.
    case broken
    /// The process that sent it died.
    case ownerDied
    /// The service refused it for its content; only whether it took a part is to be found out.
    case refused
    /// The service refused it because it does not know an index: says nothing about refusals for other content.
    case indexRefused
  }

  /// Code of an attempt whose process was taken for lost before it recorded an answer.
  package static let ownerLostCode = "owner_lost"
  /// Code of an attempt that a store assumes because it lost changes: whether it was made is not known.
  package static let failedOverCode = "failed_over"

  /// Whether the process that sent it may have been alive and cut off: what lies between it and the service may hold the
  /// request still.
  package var mayBeHeldOnTheWay: Bool { code == Self.ownerLostCode || code == Self.failedOverCode }

  /// The chunk's number.
  package var number: ChunkNumber
  /// Sequence number of its first item.
  package var firstItem: Int
  /// Its items in order.
  package var items: [Item]
  /// The attempt whose answer was lost.
  package var attempt: Int
  /// The step that it sent.
  package var step: ChunkStep
  /// The ids that the service gave to what earlier steps made, the latest of each step.
  package var externalIDs: [ChunkStep: String]
  /// When the intent of the first of its attempts that were lost was recorded: a task made since then may be
  /// its own.
  package var startedAt: Timestamp
  /// When the last ended without an answer; for an owner that died, when the run was taken over, at most the time-out
  /// later than the start.
  package var endedAt: Timestamp
  /// The place of that first intent among the intents of its run.
  package var intent: Int
  /// How many intents the run had when the outcome of the last attempt was recorded: what was begun later has a
  /// higher number, even if the machine's clock was changed.
  package var endedAfter: Int
  /// How the answer of its last attempt came to be missing.
  package var loss: Loss
  /// HTTP status that its last attempt was answered with; `nil` when no answer came.
  package var status: Int?
  /// The service's error code of its last attempt, or the transport's word.
  package var code: String?
  /// Whether that was during an outage: no other request got through.
  package var wasInOutage: Bool
  /// Attempts so far that count towards the limit.
  package var countedAttempts: Int
  /// Whether a name of it stands for another item of this run and index, too.
  package var namesClash: Bool
  /// Whether it was sent to another address than the run's present one.
  package var wasSentElsewhere: Bool

  /// A chunk as the store has it.
  package init(
    number: ChunkNumber, firstItem: Int, items: [Item], attempt: Int, step: ChunkStep = .transfer,
    externalIDs: [ChunkStep: String] = [:], startedAt: Timestamp,
    endedAt: Timestamp, intent: Int, endedAfter: Int, loss: Loss = .broken, status: Int? = nil,
    code: String? = nil, wasInOutage: Bool = false, countedAttempts: Int = 0,
    namesClash: Bool = false, wasSentElsewhere: Bool = false
  ) {
    self.step = step
    self.externalIDs = externalIDs
    self.number = number
    self.firstItem = firstItem
    self.items = items
    self.attempt = attempt
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.intent = intent
    self.endedAfter = endedAfter
    self.loss = loss
    self.status = status
    self.code = code
    self.wasInOutage = wasInOutage
    self.countedAttempts = countedAttempts
    self.namesClash = namesClash
    self.wasSentElsewhere = wasSentElsewhere
  }

  /// Whether its failure says something about the chunk itself: answered with a status while others got through.
  /// Such attempts count when they settle as not received.
  package var isOwnFault: Bool { loss == .answered && !wasInOutage }

  /// Whether the service refused it, for an index it does not know included.
  package var wasRefused: Bool { loss == .refused || loss == .indexRefused }

  /// Sequence numbers of its items.
  package var range: Range<Int> { Range(firstItem: firstItem, count: items.count) }

  /// The indexes its items go to.
  package var indexes: Set<IndexID> { Set(items.map(\.index)) }

  /// File names of its items of one index.
  package func names(in index: IndexID) -> [FileName] {
    items.compactMap { $0.index == index ? $0.name : nil }
  }
}

/// An accepted chunk of the same run and index: where the listing shows its names, names can be matched,
/// and the listing has caught up to it.
package struct Witness: Sendable, Equatable {
  /// The chunk's number.
  package var chunk: ChunkNumber
  /// The place of its accepted attempt among the intents of its run.
  package var intent: Int
  /// When its accepted attempt started.
  package var startedAt: Timestamp
  /// When the service's acceptance was there.
  package var acceptedAt: Timestamp
  /// File names of its items of the index, as the listing shows them.
  package var names: [FileName]
  /// Whether a name of it stands for another item of this run and index, too. Whether another run of the store sent one
  /// of its names is found out when it is looked for.
  package var namesClash: Bool

  /// A witness as the store has it.
  package init(
    chunk: ChunkNumber, intent: Int, startedAt: Timestamp, acceptedAt: Timestamp, names: [FileName],
    namesClash: Bool = false
  ) {
    self.namesClash = namesClash
    self.chunk = chunk
    self.intent = intent
    self.startedAt = startedAt
    self.acceptedAt = acceptedAt
    self.names = names
  }
}

/// How far behind a listing was when that was last measured.
package struct ListingLag: Sendable, Equatable {
  /// When the witness that was looked for was accepted.
  package var acceptedAt: Timestamp
  /// The longest it can have taken to appear.
  package var lag: Duration

  /// A lag as it was seen.
  package init(acceptedAt: Timestamp, lag: Duration) {
    self.acceptedAt = acceptedAt
    self.lag = lag
  }
}

/// An attempt of a step that the service accepted.
package struct StepAcceptance: Sendable, Equatable {
  /// The chunk's number.
  package var chunk: ChunkNumber
  /// The id that the service gave.
  package var externalID: String
  /// When the attempt started.
  package var startedAt: Timestamp
  /// When the service's acceptance was there.
  package var acceptedAt: Timestamp
  /// The ids that the service gave to what earlier steps of the chunk made, the latest of each step.
  package var externalIDs: [ChunkStep: String]
  /// The index that receives its items; `nil` where they go to several.
  package var index: IndexID?

  /// An acceptance as the store has it.
  package init(
    chunk: ChunkNumber, externalID: String, startedAt: Timestamp, acceptedAt: Timestamp,
    externalIDs: [ChunkStep: String] = [:], index: IndexID? = nil
  ) {
    self.externalIDs = externalIDs
    self.index = index
    self.chunk = chunk
    self.externalID = externalID
    self.startedAt = startedAt
    self.acceptedAt = acceptedAt
  }
}
