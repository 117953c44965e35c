/// How a run went, in the form pictures are drawn from: bounded in size, whatever the size of the run.
package struct RunInsight: Sendable, Equatable {
  /// Items accepted over time.
  package var throughput: Throughput
  /// How long attempts took.
  package var latencies: LatencyHistogram
  /// The chunks in the order of the manifest.
  package var map: ChunkMap
  /// The chunks with the longest attempts, the longest first; at most ``slowestCount``.
  package var slowest: [SlowChunk]

  /// Chunks in ``slowest`` at most.
  package static let slowestCount = 10

  /// How a run went.
  package init(
    throughput: Throughput, latencies: LatencyHistogram, map: ChunkMap, slowest: [SlowChunk] = []
  ) {
    self.throughput = throughput
    self.latencies = latencies
    self.map = map
    self.slowest = slowest
  }
}

/// A chunk with the longest of its attempts.
package struct SlowChunk: Sendable, Equatable {
  /// The chunk's number.
  package var number: ChunkNumber
  /// Sequence numbers of its items.
  package var items: Range<Int>
  /// What is known of it.
  package var state: ChunkState
  /// Tries to submit it.
  package var attempts: Int
  /// What the longest of them took.
  package var longest: Duration

  /// A chunk as the store has it.
  package init(number: ChunkNumber, items: Range<Int>, state: ChunkState, attempts: Int, longest: Duration) {
    self.number = number
    self.items = items
    self.state = state
    self.attempts = attempts
    self.longest = longest
  }
}
