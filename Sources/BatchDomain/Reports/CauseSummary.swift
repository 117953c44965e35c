/// One cause for which items of a run are not accepted: what the service said, with what differs from item to item
/// left out.
package struct CauseSummary: Sendable, Equatable {
  /// One of the chunks that a cause concerns.
  package struct Sample: Sendable, Equatable {
    /// The chunk's number.
    package var chunk: ChunkNumber
    /// Sequence number of its first item.
    package var item: Int
    /// The video of its first item, `s3://bucket/key`; `nil` when it is not known.
    package var object: ObjectName?
    /// What the service said, unchanged.
    package var message: String?

    /// A sample in its parts.
    package init(chunk: ChunkNumber, item: Int, object: ObjectName? = nil, message: String?) {
      self.chunk = chunk
      self.item = item
      self.object = object
      self.message = message
    }
  }

  /// The service's error code, the status as `http_NNN` when it gave none, or the transport's code.
  package var code: String
  /// A sample of the message.
  package var message: String?
  /// The message with what differs from item to item replaced, as ``MessagePattern`` does it.
  package var pattern: String?
  /// What the last attempt came to.
  package var outcome: Outcome
  /// Items concerned.
  package var items: Int
  /// Chunks concerned.
  package var chunks: Int
  /// The first attempt that ended so.
  package var firstAt: Timestamp
  /// The last attempt that ended so.
  package var lastAt: Timestamp
  /// The states the chunks are in.
  package var states: Set<ChunkState>
  /// Up to ``CauseFold/sampleLimit`` of the chunks.
  package var samples: [Sample]

  /// A cause as the store has it.
  package init(
    code: String, message: String?, pattern: String? = nil, outcome: Outcome, items: Int, chunks: Int,
    firstAt: Timestamp, lastAt: Timestamp, states: Set<ChunkState> = [], samples: [Sample] = []
  ) {
    self.code = code
    self.message = message
    self.pattern = pattern
    self.outcome = outcome
    self.items = items
    self.chunks = chunks
    self.firstAt = firstAt
    self.lastAt = lastAt
    self.states = states
    self.samples = samples
  }

  /// Whether sending the items again can help.
  package var repeating: Repeating { RetryContract.repeating(outcome, code: code) }
}
