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
  package var repeating: Repeating { Repeating(after: outcome, code: code) }
}

/// Groups chunks by why they are not accepted, one after the other, in bounded memory.
///
/// A cause is a code, an outcome and the pattern of the message (``MessagePattern``): the service's messages name elements,
/// objects and ids, so ten thousand refusals are ten thousand texts. The pattern only groups what is shown; the
/// classification goes by code and status alone. Grouping by edit distance would depend on the order of the chunks, and a
/// table of known messages would be wrong as soon as the service changes them.
package struct CauseFold: Sendable {
  /// The largest number of groups. Further causes are counted in one group per outcome, whose code is ``otherCode``.
  package static let groupLimit = 1_000
  /// Samples a group keeps: those that come first.
  package static let sampleLimit = 3
  /// The code of the groups of further causes.
  package static let otherCode = "other"

  /// Messages whose pattern is remembered: most chunks of a cause have the same message.
  private static let patternLimit = 1_000

  private struct Key: Hashable {
    let code: String
    let outcome: Outcome
    let pattern: String?
    /// Whether it is the group of all further causes.
    var isRest = false
  }

  private var groups: [Key: CauseSummary] = [:]
  private var patterns: [String: String] = [:]

  /// Nothing yet.
  package init() {}

  /// Adds a chunk that was tried and is not accepted.
  ///
  /// - Parameters:
  ///   - code: the service's error code, or its replacement (`http_NNN`, the transport's code).
  ///   - message: what the service said.
  ///   - endedAt: when its last attempt ended.
  package mutating func add(
    code: String, outcome: Outcome, message: String?, chunk: ChunkNumber, firstItem: Int, itemCount: Int,
    state: ChunkState, endedAt: Timestamp
  ) {
    var key = Key(code: code, outcome: outcome, pattern: message.map { pattern(of: $0) })
    let sample = CauseSummary.Sample(chunk: chunk, item: firstItem, message: message)
    if groups[key] == nil, groups.count >= Self.groupLimit {
      key = Key(code: Self.otherCode, outcome: outcome, pattern: nil, isRest: true)
    }
    let new = CauseSummary(
      code: key.code, message: key.isRest ? nil : message, pattern: key.pattern,
      outcome: outcome,
      items: 0, chunks: 0, firstAt: endedAt, lastAt: endedAt)
    groups[key, default: new].add(sample, items: itemCount, state: state, endedAt: endedAt)
  }

  /// The groups, those with the most items first.
  package var causes: [CauseSummary] {
    groups.values.sorted {
      ($1.items, $0.code, $0.pattern ?? "", $0.outcome.rawValue)
        < ($0.items, $1.code, $1.pattern ?? "", $1.outcome.rawValue)
    }
  }

  private mutating func pattern(of message: String) -> String {
    if let known = patterns[message] { return known }
    let pattern = MessagePattern.of(message)
    if patterns.count < Self.patternLimit { patterns[message] = pattern }
    return pattern
  }
}

extension CauseSummary {
  fileprivate mutating func add(_ sample: Sample, items count: Int, state: ChunkState, endedAt: Timestamp) {
    items += count
    chunks += 1
    firstAt = min(firstAt, endedAt)
    lastAt = max(lastAt, endedAt)
    states.insert(state)
    if samples.count < CauseFold.sampleLimit { samples.append(sample) }
  }
}
