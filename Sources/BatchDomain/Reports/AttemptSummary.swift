/// One try to submit a chunk as reports show it.
package struct AttemptSummary: Sendable, Equatable {
  /// Which attempt it is.
  package struct Key: Sendable, Hashable {
    /// The chunk's number.
    package var chunk: ChunkNumber
    /// The attempt's number within its chunk, from 1.
    package var number: Int

    /// A key in its parts.
    package init(chunk: ChunkNumber, number: Int) {
      self.chunk = chunk
      self.number = number
    }
  }

  /// Which attempt it is.
  package var key: Key
  /// When its intent was recorded.
  package var startedAt: Timestamp
  /// When its outcome was recorded; `nil` while it is under way.
  package var finishedAt: Timestamp?
  /// How long it was under way.
  package var took: Duration?
  /// What it came to.
  package var outcome: Outcome?
  /// HTTP status of the answer.
  package var status: Int?
  /// The service's error code, or the transport's code.
  package var code: String?
  /// What the service said.
  package var message: String?
  /// The step it was for.
  package var step: ChunkStep
  /// The id that the service gave to what the request made.
  package var externalID: String?

  /// An attempt as the store has it.
  package init(
    key: Key, startedAt: Timestamp, finishedAt: Timestamp? = nil, took: Duration? = nil,
    outcome: Outcome? = nil,
    status: Int? = nil, code: String? = nil, message: String? = nil, step: ChunkStep = .transfer,
    externalID: String? = nil
  ) {
    self.key = key
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.took = took
    self.outcome = outcome
    self.status = status
    self.code = code
    self.message = message
    self.step = step
    self.externalID = externalID
  }
}
