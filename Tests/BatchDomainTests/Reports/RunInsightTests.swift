import BatchDomain
import Testing

@Suite("What pictures of a run are drawn from")
struct RunInsightTests {
  static let start = Timestamp(milliseconds: 1_750_000_000_000)

  @Test(
    "slots have a length that people count in, and are never more than fit",
    arguments: [
      (0, 1, 1), (59, 1, 60), (60, 2, 31), (3_600, 120, 31), (86_400, 1_800, 49), (40 * 86_400, 86_400, 41),
    ]
      as [(Int, Int, Int)])
  func slots(seconds: Int, step: Int, count: Int) {
    let throughput = Throughput(Self.start...(Self.start + .seconds(seconds)))
    #expect(throughput.step == .seconds(step))
    #expect(throughput.accepted.count == count)
    #expect(throughput.accepted.count <= Throughput.slotLimit)
  }

  @Test("years are still at most as many slots as fit, and what is outside goes to the nearest")
  func longSpan() {
    var throughput = Throughput(Self.start...(Self.start + .seconds(3 * 365 * 86_400)))
    #expect(throughput.accepted.count <= Throughput.slotLimit)
    throughput.add(3, slot: -5)
    throughput.add(4, slot: 10_000)
    #expect(throughput.accepted.first == 3)
    #expect(throughput.accepted.last == 4)
    var empty = Throughput(nil)
    empty.add(1, slot: 0)
    #expect(empty.accepted.isEmpty)
  }

  @Test("quantiles are those of the attempts")
  func quantiles() {
    var latencies = LatencyHistogram()
    #expect(latencies.quantile(0.5) == nil)
    #expect(latencies.bars(40).isEmpty)
    for milliseconds in 1...100 { latencies.add(1, milliseconds: milliseconds) }
    #expect(latencies.quantile(0.5) == .milliseconds(50))
    #expect(latencies.quantile(0.95) == .milliseconds(95))
    #expect(latencies.longest == .milliseconds(100))
    latencies.add(1, milliseconds: 65_599)
    #expect(latencies.longest == .milliseconds(65_599))
    #expect(latencies.quantile(1) == .milliseconds(65_536))
  }

  @Test(
    "bars count every attempt once and follow one another",
    arguments: [[0], [1], [7, 7, 7], [0, 1, 2, 3], [1, 60_000], [30, 31, 29, 4_000, 900_000]])
  func bars(milliseconds: [Int]) {
    var latencies = LatencyHistogram()
    for length in milliseconds { latencies.add(1, milliseconds: length) }
    let bars = latencies.bars(40)
    #expect(bars.reduce(0) { $0 + $1.attempts } == milliseconds.count)
    #expect(bars.count <= 41)
    for (bar, next) in zip(bars, bars.dropFirst()) {
      #expect(next.milliseconds.lowerBound == bar.milliseconds.upperBound + 1)
    }
  }

  @Test("the cell of several chunks shows the state that needs a look first")
  func cells() {
    var map = ChunkMap(items: 100_000, chunks: 10_000)
    #expect(map.width == 50)
    map.add(4, .accepted, items: 0..<40, place: 0)
    map.add(1, .unknown, items: 40..<50, place: 0)
    map.add(5, .accepted, items: 50..<100, place: 1)
    #expect(map.cells.map(\.state) == [.unknown, .accepted])
    #expect(map.cells[0].items == 0..<50)
    #expect(map.cells[0].chunkCount == 5)
    #expect(Set(ChunkMap.urgency) == Set(ChunkState.itemStates))
  }
}
