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
