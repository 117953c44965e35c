/// Finds a video in the records: what `report --object` shows. It changes nothing.
package protocol ObjectLookUp: Sendable {
  /// Where a video was sent or is to be sent, newest run first, then in the order of the items.
  ///
  /// - Parameter object: the item's `object`, `s3://bucket/key`, compared as a whole.
  /// - Returns: one for each item with that object; a run has more than one where the indexes differ.
  func appearances(of object: ObjectName) async throws -> [ObjectAppearance]
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
