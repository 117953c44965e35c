/// A chunk whose answer was lost, with everything settling needs to know of it.
package struct UnknownChunk: Sendable, Equatable {
  /// The chunk's number.
  package var number: ChunkNumber
  /// The attempt whose answer was lost.
  package var attempt: Int
  /// When the intent of the first of its attempts that were lost was recorded: a task made since then may be
  /// its own.
  package var startedAt: Timestamp
  /// When the answer of the last was given up; for an owner that died, when the run was taken over, at most the
  /// time-out later than the start.
  package var endedAt: Timestamp
  /// Whether an answer with a status came (5xx and the like): such attempts count when they settle as
  /// not received.
  package var wasAnswered: Bool
  /// Attempts so far that count towards the limit.
  package var countedAttempts: Int
  /// File names of its items by index, as the service's listing shows them.
  package var names: [IndexID: [String]]
  /// Whether a name of it may stand for another item too: one of this run, or one that any run of this
  /// store sent to the same index at about the same time.
  package var namesClash: Bool
  /// Whether it was sent to another address than the run's present one.
  package var wasSentElsewhere: Bool

  /// A chunk as the store has it.
  package init(
    number: ChunkNumber, attempt: Int, startedAt: Timestamp, endedAt: Timestamp, wasAnswered: Bool,
    countedAttempts: Int, names: [IndexID: [String]], namesClash: Bool, wasSentElsewhere: Bool
  ) {
    self.number = number
    self.attempt = attempt
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.wasAnswered = wasAnswered
    self.countedAttempts = countedAttempts
    self.names = names
    self.namesClash = namesClash
    self.wasSentElsewhere = wasSentElsewhere
  }
}

/// An accepted chunk of the same run and index: where the listing shows its names, names can be matched,
/// and the listing has caught up to it.
package struct Control: Sendable, Equatable {
  /// The chunk's number.
  package var chunk: ChunkNumber
  /// When its accepted attempt started.
  package var startedAt: Timestamp
  /// When the service's acceptance was there.
  package var acceptedAt: Timestamp
  /// File names of its items of the index, as the listing shows them.
  package var names: [String]

  /// A control as the store has it.
  package init(chunk: ChunkNumber, startedAt: Timestamp, acceptedAt: Timestamp, names: [String]) {
    self.chunk = chunk
    self.startedAt = startedAt
    self.acceptedAt = acceptedAt
    self.names = names
  }
}
