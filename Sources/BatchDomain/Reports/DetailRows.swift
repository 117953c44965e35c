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

/// What a request made at the service although another request had made it before: nobody uses it.
package struct SurplusRow: Sendable, Equatable {
  /// Sequence number of the first item of its chunk.
  package var item: Int
  /// The step whose request made it.
  package var step: ChunkStep
  /// The service's id.
  package var externalID: String
  /// When it was seen.
  package var seenAt: Timestamp

  /// A row as the store has it.
  package init(item: Int, step: ChunkStep, externalID: String, seenAt: Timestamp) {
    self.item = item
    self.step = step
    self.externalID = externalID
    self.seenAt = seenAt
  }
}

/// What a step made at the service for a chunk that does not use it: its items were given up since, or it was made again.
package struct LeftOverRow: Sendable, Equatable {
  /// Sequence number of the first item of its chunk.
  package var item: Int
  /// The step whose request made it.
  package var step: ChunkStep
  /// The service's id.
  package var externalID: String
  /// The state of the chunk now.
  package var state: ChunkState

  /// A row as the store has it.
  package init(item: Int, step: ChunkStep, externalID: String, state: ChunkState) {
    self.item = item
    self.step = step
    self.externalID = externalID
    self.state = state
  }
}

/// The first of all that steps of a run left over at the service.
package struct LeftOvers: Sendable, Equatable {
  /// Nothing.
  package static let none = LeftOvers(rows: [], total: 0)

  /// The first rows, in order of items.
  package var rows: [LeftOverRow]
  /// How many there are in all.
  package var total: Int

  /// Rows and their total.
  package init(rows: [LeftOverRow], total: Int) {
    self.rows = rows
    self.total = total
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

/// A verdict on an unknown chunk as reports show it.
package struct SettlementSummary: Sendable, Equatable {
  /// The chunk's number.
  package var chunk: ChunkNumber
  /// Items in it.
  package var itemCount: Int
  /// The attempt whose answer was lost.
  package var attempt: Int
  /// What became of it.
  package var verdict: Settlement.Verdict
  /// Who decided.
  package var authority: Settlement.Authority
  /// What the verdict rests on.
  package var evidence: Evidence
  /// When it was decided.
  package var decidedAt: Timestamp

  /// A verdict as the store has it.
  package init(
    chunk: ChunkNumber, itemCount: Int, attempt: Int, verdict: Settlement.Verdict,
    authority: Settlement.Authority, evidence: Evidence, decidedAt: Timestamp
  ) {
    self.chunk = chunk
    self.itemCount = itemCount
    self.attempt = attempt
    self.verdict = verdict
    self.authority = authority
    self.evidence = evidence
    self.decidedAt = decidedAt
  }
}

/// A page of rows, and where the next one begins. A page without rows need not be the last: the filter may have left
/// out all that was read.
package struct DetailPage<Row: Sendable, Cursor: Sendable>: Sendable {
  /// The rows.
  package var rows: [Row]
  /// Where the next page begins; `nil` after the last.
  package var next: Cursor?

  /// A page in its parts.
  package init(rows: [Row], next: Cursor?) {
    self.rows = rows
    self.next = next
  }
}

/// Chooses chunks, items and attempts of a run.
package struct RowFilter: Sendable, Equatable {
  /// States of the chunk; `nil` for any.
  package var states: Set<ChunkState>?
  /// The last outcome is no earlier than that; `nil` for any, also for rows without an outcome.
  package var since: Timestamp?

  /// A filter in its parts.
  package init(states: Set<ChunkState>? = nil, since: Timestamp? = nil) {
    self.states = states
    self.since = since
  }

  /// Whether it includes a row.
  ///
  /// - Parameter endedAt: when its last outcome was recorded; `nil` while there is none.
  package func matches(_ state: ChunkState, endedAt: Timestamp?) -> Bool {
    if let states, !states.contains(state) { return false }
    guard let since else { return true }
    return endedAt.map { $0 >= since } ?? false
  }
}
