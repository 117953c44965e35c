/// What the service says of single items of a run that this process owns. Most items have no record.
package protocol ItemRecords: Sendable {
  /// Keeps what the service says of items; the latest word on an item replaces the one before.
  func keep(_ records: [ItemRecord]) async throws
}

/// What the service says of one item.
package struct ItemRecord: Sendable, Equatable {
  /// Sequence number within the run, from 0.
  package var sequence: Int
  /// The step that it is about.
  package var step: ChunkStep
  /// When the service said it.
  package var at: Timestamp
  /// What it says, in one word of its module.
  package var status: String
  /// The id that the service has for the item.
  package var externalID: String?
  /// The service's error code, where something went wrong.
  package var code: String?
  /// The service's message.
  package var message: String?

  /// A record in its parts.
  package init(
    sequence: Int, step: ChunkStep, at moment: Timestamp, status: String, externalID: String? = nil,
    code: String? = nil, message: String? = nil
  ) {
    self.sequence = sequence
    self.step = step
    at = moment
    self.status = status
    self.externalID = externalID
    self.code = code
    self.message = message
  }
}
