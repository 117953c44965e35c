import BatchDomain
import Testing

@Suite("Times")
struct TimestampTests {
  static let known: [(Int64, String)] = [
    (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
    (951_782_400_000, "2000-02-29T00:00:00.000Z"), (1_763_910_245_042, "2025-11-23T15:04:05.042Z"),
    (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
  ]

  @Test("a moment is shown in RFC 3339 and taken apart without loss", arguments: known)
  func text(milliseconds: Int64, text: String) {
    let moment = Timestamp(milliseconds: milliseconds)
    #expect(moment.description == text)
    #expect(CivilTime(moment).timestamp == moment)
  }

  @Test("adding never shortens a wait and never overflows")
  func arithmetic() {
    let moment = Timestamp(milliseconds: 1_000)
    #expect((moment + .nanoseconds(1)).milliseconds == 1_001)
    #expect((moment + .seconds(Int64.max)).milliseconds > 0)
    #expect(Timestamp(milliseconds: 5_000).since(moment) == .seconds(4))
  }

  @Test("no moment and no length of time that 64 bits have is too great to be reckoned with or shown")
  func extremes() {
    let numbers: [Int64] = [.min, .min + 1, .min / 2, -1, 0, 1, .max / 2, .max - 1, .max]
    let moments: [Timestamp] = numbers.map { Timestamp(milliseconds: $0) }
    let lengths: [Duration] = [.milliseconds(Int64.min), .seconds(Int64.min), .seconds(Int64.max)]
    for moment in moments {
      #expect(moment.description.hasSuffix("Z"))
      for other in moments {
        let span = moment.since(other)
        #expect((span < .zero) == (moment < other))
        for length in lengths + [span] {
          #expect((moment - length).description.hasSuffix("Z"))
          #expect((moment + length).description.hasSuffix("Z"))
        }
      }
    }
  }
}

@Suite("Run ids")
struct RunIDTests {
  @Test("ids sort by creation and carry their time")
  func sorting() {
    let first = RunID(createdAt: Timestamp(milliseconds: 1_763_910_245_042), random: .max)
    let second = RunID(createdAt: Timestamp(milliseconds: 1_763_910_245_043), random: 0)
    #expect(first < second)
    #expect(first.rawValue.hasPrefix("20251123-150405-042-"))
    #expect(first.createdAt == Timestamp(milliseconds: 1_763_910_245_042))
  }

  @Test("what no id can be is refused", arguments: ["", "-a", "A", "a b", "a_b", "é", "a/b"])
  func refused(text: String) { #expect(RunID(rawValue: text) == nil) }
}
