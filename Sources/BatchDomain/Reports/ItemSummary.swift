/// An item with what became of it, as reports show it.
package struct ItemSummary: Sendable, Equatable {
  /// Sequence number within the run, from 0.
  package var sequence: Int
  /// The index that receives the video.
  package var indexID: IndexID
  /// The video, `s3://bucket/key`.
  package var object: ObjectName
  /// The state of the chunk that has it, never `split`.
  package var state: ChunkState
  /// The chunk that has it.
  package var chunk: ChunkNumber
  /// Tries to submit that chunk. A piece of a divided chunk that was not sent by itself has none.
  package var attempts: Int
  /// Error code of the chunk's last attempt that ended.
  package var code: String?
  /// Message of the chunk's last attempt that ended.
  package var message: String?

  /// An item as the store has it.
  package init(
    sequence: Int, indexID: IndexID, object: ObjectName, state: ChunkState, chunk: ChunkNumber, attempts: Int,
    code: String? = nil, message: String? = nil
  ) {
    self.sequence = sequence
    self.indexID = indexID
    self.object = object
    self.state = state
    self.chunk = chunk
    self.attempts = attempts
    self.code = code
    self.message = message
  }
}
