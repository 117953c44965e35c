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
  /// The step that the chunk is at; `nil` with a service that has only one.
  package var step: ChunkStep?
  /// The ids that the service gave, by step.
  package var externalIDs: [ChunkStep: String]

  /// An item as the store has it.
  package init(
    sequence: Int, indexID: IndexID, object: ObjectName, state: ChunkState, chunk: ChunkNumber, attempts: Int,
    code: String? = nil, message: String? = nil, step: ChunkStep? = nil,
    externalIDs: [ChunkStep: String] = [:]
  ) {
    self.sequence = sequence
    self.indexID = indexID
    self.object = object
    self.state = state
    self.chunk = chunk
    self.attempts = attempts
    self.code = code
    self.message = message
    self.step = step
    self.externalIDs = externalIDs
  }
}

/// One item of a run that has the video that was looked for.
package struct ObjectAppearance: Sendable, Equatable {
  /// The run.
  package var run: RunID
  /// When the run was created.
  package var createdAt: Timestamp
  /// The item's sequence number within the run, from 0.
  package var item: Int
  /// The index that receives it.
  package var index: IndexID
  /// The chunk it is in; of pieces of a divided chunk the smallest.
  package var chunk: ChunkSummary

  /// An appearance as the store has it.
  package init(run: RunID, createdAt: Timestamp, item: Int, index: IndexID, chunk: ChunkSummary) {
    self.run = run
    self.createdAt = createdAt
    self.item = item
    self.index = index
    self.chunk = chunk
  }
}
