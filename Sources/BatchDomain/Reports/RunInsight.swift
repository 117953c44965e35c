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

/// The chunks of a run as a row of cells, in the order of the manifest. Neighbours share a cell where there are
/// many.
package struct ChunkMap: Sendable, Equatable {
  /// A chunk, or several that stand beside each other.
  package struct Cell: Sendable, Equatable {
    /// Sequence numbers of the items, from the first of its first chunk to the last of its last.
    package var items: Range<Int>
    /// Chunks by state; chunks that were split are not counted, their pieces are.
    package var chunks: [ChunkState: Int]

    /// A cell with some chunks of one state.
    package init(items: Range<Int>, chunks: [ChunkState: Int]) {
      self.items = items
      self.chunks = chunks
    }

    /// Chunks in it.
    package var chunkCount: Int { chunks.values.reduce(0, +) }

    /// The state it is shown in: of the states of its chunks the one that needs a look first.
    package var state: ChunkState { ChunkMap.urgency.first { chunks[$0, default: 0] > 0 } ?? .accepted }

    /// Adds the chunks of another cell.
    fileprivate mutating func merge(_ other: Cell) {
      items = min(items.lowerBound, other.items.lowerBound)..<max(items.upperBound, other.items.upperBound)
      chunks.merge(other.chunks, uniquingKeysWith: +)
    }
  }

  /// Cells at most.
  package static let cellLimit = 2_000

  /// The states of chunks in a map, the one that needs a look first at the beginning.
  package static let urgency: [ChunkState] = [
    .rejected, .failed, .unknown, .cancelled, .submitting, .processing, .pending, .accepted,
  ]

  /// Items that share a cell: chunks whose first items, divided by this, give the same.
  package let width: Int
  private var places: [Int: Cell] = [:]

  /// An empty map.
  ///
  /// - Parameters:
  ///   - items: items of the run.
  ///   - chunks: its chunks, those that were split included.
  package init(items: Int, chunks: Int) {
    width = chunks <= Self.cellLimit ? 1 : max(1, (items + Self.cellLimit - 1) / Self.cellLimit)
  }

  /// Adds chunks of one state to their cell.
  ///
  /// - Parameter place: their first item divided by ``width``.
  package mutating func add(_ count: Int, _ state: ChunkState, items: Range<Int>, place: Int) {
    let cell = Cell(items: items, chunks: [state: count])
    if places[place] == nil { places[place] = cell } else { places[place]?.merge(cell) }
  }

  /// The cells in the order of the manifest; at most ``cellLimit``.
  package var cells: [Cell] { places.sorted { $0.key < $1.key }.map(\.value) }
}

/// How long attempts took: counts by length, exact to a thousandth, bounded in size.
package struct LatencyHistogram: Sendable, Equatable {
  /// Attempts by milliseconds, rounded down to eleven significant bits.
  private var counts: [Int: Int] = [:]
  /// Attempts counted.
  package private(set) var total = 0
  /// The longest; zero without any.
  package private(set) var longest: Duration = .zero

  /// No attempts.
  package init() {}

  /// Counts attempts that took that many milliseconds; negative numbers count as zero.
  package mutating func add(_ count: Int, milliseconds: Int) {
    let held = max(0, milliseconds)
    counts[Self.rounded(held), default: 0] += count
    total += count
    longest = max(longest, .milliseconds(held))
  }

  /// The length that a share of the attempts did not exceed; `nil` without any.
  ///
  /// - Parameter share: 0 to 1; 0.5 is the median.
  package func quantile(_ share: Double) -> Duration? {
    guard total > 0 else { return nil }
    let rank = max(1, Int((share * Double(total)).rounded(.up)))
    var seen = 0
    for (milliseconds, count) in counts.sorted(by: { $0.key < $1.key }) {
      seen += count
      if seen >= rank { return .milliseconds(milliseconds) }
    }
    return longest
  }

  /// A bar of a chart.
  package struct Bar: Sendable, Equatable {
    /// Shortest and longest milliseconds that it stands for.
    package let milliseconds: ClosedRange<Int>
    /// Attempts in it.
    package let attempts: Int
  }

  /// The distribution as bars whose bounds grow by the same factor; fewer than `limit` where attempts are alike.
  /// Empty without any attempts.
  package func bars(_ limit: Int) -> [Bar] {
    guard let least = counts.keys.min(), let most = counts.keys.max() else { return [] }
    // Each bar is at least one millisecond wider than the one before it begins, so that none is empty by rounding.
    let factor = Double.ratio(from: max(1, least), to: max(1, most) + 1, steps: limit)
    var bars: [Bar] = []
    var lower = least
    var edge = Double(max(1, least))
    while lower <= most {
      edge *= factor
      let upper = max(lower, min(most, Int(edge.rounded(.up)) - 1))
      let attempts = counts.reduce(0) { (lower...upper).contains($1.key) ? $0 + $1.value : $0 }
      bars.append(Bar(milliseconds: lower...upper, attempts: attempts))
      lower = upper + 1
    }
    return bars
  }

  /// For example 1,023 and 1,024 stay, 2,049 becomes 2,048, 65,599 becomes 65,536.
  private static func rounded(_ milliseconds: Int) -> Int {
    let bits = Int.bitWidth - milliseconds.leadingZeroBitCount
    let dropped = max(0, bits - 11)
    return (milliseconds >> dropped) << dropped
  }
}

extension Double {
  /// The factor that leads from one number to a greater one in so many equal steps, at least 1.01; found by halving,
  /// since this target has no mathematics library.
  fileprivate static func ratio(from: Int, to: Int, steps: Int) -> Double {
    let wanted = Double(to) / Double(from)
    var (low, high) = (1.0, max(2.0, wanted))
    for _ in 0..<60 {
      let middle = (low + high) / 2
      var power = 1.0
      for _ in 0..<steps where power < wanted { power *= middle }
      if power < wanted { low = middle } else { high = middle }
    }
    return max(1.01, high)
  }
}

/// Items accepted over time, in slots of equal length.
package struct Throughput: Sendable, Equatable {
  /// When the first slot begins.
  package let start: Timestamp
  /// Length of a slot; one that people count in, at least a second.
  package let step: Duration
  /// Items accepted in each slot; empty while nothing was sent.
  package private(set) var accepted: [Int]

  /// Slots of a run at most.
  package static let slotLimit = 60

  /// Empty slots that cover a span of time.
  ///
  /// - Parameter span: from the first intent to the last outcome; `nil` while nothing was sent.
  package init(_ span: ClosedRange<Timestamp>?) {
    guard let span else {
      (start, step, accepted) = (Timestamp(milliseconds: 0), .seconds(1), [])
      return
    }
    let seconds = span.upperBound.since(span.lowerBound).millisecondsRoundedUp / 1_000
    let slots = Int64(Self.slotLimit)
    let day: Int64 = 86_400
    let length = Self.lengths.first { seconds / $0 < slots } ?? (seconds / (slots * day) + 1) * day
    start = span.lowerBound
    step = .seconds(length)
    accepted = Array(repeating: 0, count: Int(seconds / length) + 1)
  }

  /// Counts items that were accepted in a slot; items outside, after a clock was set, go to the nearest slot.
  package mutating func add(_ items: Int, slot: Int) {
    guard !accepted.isEmpty else { return }
    accepted[min(max(0, slot), accepted.count - 1)] += items
  }

  /// When a slot begins.
  package func start(of slot: Int) -> Timestamp {
    Timestamp(milliseconds: start.milliseconds + Int64(slot) * step.millisecondsRoundedUp)
  }

  /// Lengths of a slot in seconds, from a second to a day.
  private static let lengths: [Int64] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
  ]
}
