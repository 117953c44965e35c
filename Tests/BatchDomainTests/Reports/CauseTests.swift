import BatchDomain
import Testing

@Suite("Causes")
struct CauseTests {
  @Test(
    "messages that say the same of different items have one pattern",
    arguments: [
      ("The object parameter of element 16 is not valid", "The object parameter of element N is not valid"),
      ("elements 3, 4 and 17 are not valid", "elements N, … are not valid"),
      ("elements 3 and 4 are not valid", "elements N, … are not valid"),
      ("s3://b/a.mp4 was not found.", "s3://… was not found."),
      ("cannot read s3://b/a (1).mp4, s3://b/c.mp4", "cannot read s3://… (N).mpN, s3://…"),
      ("The index 629d807aa9e2a3a33a92c00b was not found", "The index ID was not found"),
      ("request 123e4567-e89b-12d3-a456-426614174000 failed", "request ID failed"),
      (#"The file "a/b 1.mp4" is broken"#, #"The file "…" is broken"#),
      ("The file 'it is' isn't there", "The file '…' isn't there"),
      ("took 12.5 s at 10:22:05, limit 1,000", "took N s at N, limit N"),
      ("video_duration_too_short", "video_duration_too_short"),
      ("an \"open quote stays", "an \"open quote stays"),
      ("", ""),
      ("Ümlaut 9 bleibt", "Ümlaut N bleibt"),
    ])
  func pattern(message: String, pattern: String) {
    #expect(MessagePattern.of(message) == pattern)
  }

  @Test("what is alike but says something else stays apart")
  func patternsApart() {
    #expect(MessagePattern.of("element 16 is not valid") != MessagePattern.of("object 16 is not valid"))
  }

  @Test("a message made to be slow is read in one go, and only its beginning")
  func hostilePattern() {
    let quotes = String(repeating: " 'a", count: 400_000)
    #expect(MessagePattern.of(quotes).utf8.count <= MessagePattern.lengthLimit)
    // What has to be read twice would be looked at some hundred thousand times here.
    let words = String(repeating: "x-", count: 400_000)
    #expect(MessagePattern.of(words) == String(repeating: "x-", count: MessagePattern.lengthLimit / 2))
  }

  private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1_000) }

  @Test("chunks are grouped by code, outcome and pattern, with sums, times, states and the first samples")
  func fold() throws {
    var fold = CauseFold()
    for number in 0..<5 {
      fold.add(
        code: "parameter_invalid", outcome: .content, message: "element \(number) is not valid",
        chunk: ChunkNumber(number), firstItem: number * 10, itemCount: 10, state: .rejected,
        endedAt: at(Int64(100 - number)))
    }
    fold.add(
      code: "http_500", outcome: .unknown, message: nil, chunk: ChunkNumber(9), firstItem: 90, itemCount: 60,
      state: .failed, endedAt: at(7))
    fold.add(
      code: "parameter_invalid", outcome: .content, message: "too long", chunk: ChunkNumber(8), firstItem: 80,
      itemCount: 1, state: .pending, endedAt: at(8))
    let causes = fold.causes
    #expect(causes.map(\.items) == [60, 50, 1])
    #expect(causes.map(\.chunks) == [1, 5, 1])
    let many = causes[1]
    #expect(many.pattern == "element N is not valid")
    #expect(many.message == "element 0 is not valid")
    #expect(many.samples.map(\.message) == (0..<3).map { "element \($0) is not valid" })
    #expect(many.samples.map(\.item) == [0, 10, 20])
    #expect(many.firstAt == at(96) && many.lastAt == at(100))
    #expect(many.states == [.rejected])
  }

  @Test("groups are bounded: what is too much is counted by outcome, and loses nothing")
  func bounded() {
    var fold = CauseFold()
    // Words, since numbers would be taken for the same.
    func word(_ number: Int) -> String {
      String(number, radix: 20).map { String(UnicodeScalar(UInt8(ascii: "a") + UInt8($0.hexDigit))) }.joined()
    }
    for number in 0..<(CauseFold.groupLimit + 500) {
      fold.add(
        code: "x", outcome: number.isMultiple(of: 2) ? .content : .unknown, message: word(number),
        chunk: ChunkNumber(number), firstItem: number, itemCount: 1, state: .rejected, endedAt: at(1))
    }
    let causes = fold.causes
    #expect(causes.count == CauseFold.groupLimit + 2)
    #expect(causes.reduce(0) { $0 + $1.items } == CauseFold.groupLimit + 500)
    #expect(causes.filter { $0.code == CauseFold.otherCode }.map(\.items) == [250, 250])
  }

  @Test(
    "whether sending again can help follows the outcome and the code",
    arguments: [
      (.throttled, nil, .helps), (.notProcessed, "connect_refused", .helps), (.unknown, "timeout", .helps),
      (.account, nil, .helpsAfter(.account)), (.endpoint, nil, .helpsAfter(.address)),
      (.index, nil, .helpsAfter(.index)), (.content, "video_file_broken", .refusedAgain),
      (.content, "quota_of_tomorrow", .unclear), (.content, nil, .unclear),
    ] as [(Outcome, String?, Repeating)])
  func repeating(outcome: Outcome, code: String?, repeating: Repeating) {
    #expect(Repeating(after: outcome, code: code) == repeating)
  }
}

extension Character {
  /// The value of a digit of a number in base 20.
  fileprivate var hexDigit: Int { Int(String(self), radix: 20) ?? 0 }
}

@Suite("The timeline of a run")
struct RunTimelineTests {
  private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1_000) }

  private func timeline(_ attempts: (from: Int64, to: Int64?, outcome: Outcome?, owner: Int)...)
    -> RunTimeline
  {
    var timeline = RunTimeline()
    for attempt in attempts {
      timeline.add(
        .transfer, startedAt: at(attempt.from), finishedAt: attempt.to.map(at), outcome: attempt.outcome,
        owner: attempt.owner)
    }
    return timeline
  }

  @Test("first and last moments, and what attempts came to")
  func moments() {
    let timeline = timeline(
      (10, 20, .content, 1), (11, 14, .accepted, 1), (12, 13, .accepted, 1), (30, nil, nil, 1))
    #expect(timeline.firstIntentAt == at(10))
    #expect(timeline.firstAcceptedAt == at(13))
    #expect(timeline.lastOutcomeAt == at(20))
    #expect(timeline.outcomes == [.content: 1, .accepted: 2])
  }

  @Test("the first acceptance is that of a step that no other follows", arguments: ServiceProfile.allCases)
  func firstAcceptance(profile: ServiceProfile) throws {
    var timeline = RunTimeline()
    for (place, step) in profile.steps.enumerated() {
      #expect(timeline.firstAcceptedAt == nil)
      let begin = Int64(place * 10)
      timeline.add(step, startedAt: at(begin), finishedAt: at(begin + 1), outcome: .accepted, owner: 1)
    }
    #expect(timeline.firstAcceptedAt == at(Int64(profile.steps.count * 10 - 9)))
    let first = try #require(profile.steps.first)
    timeline.add(first, startedAt: at(100), finishedAt: at(101), outcome: .accepted, owner: 1)
    #expect(timeline.outcomes == [.accepted: profile.steps.count + 1])
    #expect(timeline.firstAcceptedAt == at(Int64(profile.steps.count * 10 - 9)))
  }

  @Test(
    "the longest time without a request has its reason: throttled, trouble, stopped or the run's own pace")
  func waits() {
    let throttled = timeline((0, 1, .throttled, 1), (60, 61, .accepted, 1))
    #expect(throttled.longestWait == RunTimeline.Wait(from: at(1), until: at(60), idleness: .throttled))
    #expect(throttled.throttledTime == .seconds(59))
    #expect(timeline((0, 1, .notProcessed, 1), (60, 61, .accepted, 1)).longestWait?.idleness == .trouble)
    #expect(timeline((0, 1, .throttled, 1), (60, 61, .accepted, 2)).longestWait?.idleness == .stopped)
    #expect(timeline((0, 1, .accepted, 1), (60, 61, .accepted, 1)).longestWait?.idleness == .pace)
  }

  @Test("while another request is under way nothing waits")
  func overlapping() {
    #expect(
      timeline((0, 100, .accepted, 1), (1, 2, .throttled, 1), (90, 91, .accepted, 1)).longestWait == nil)
  }

  @Test("while a request is under way that has no end yet nothing waits")
  func underWay() {
    let timeline = timeline((0, nil, nil, 1), (1, 2, .throttled, 1), (60, 61, .accepted, 1))
    #expect(timeline.longestWait == nil)
    #expect(timeline.throttledTime == .zero)
  }

  @Test("a dead process's attempt ended when it began, as far as anybody knows")
  func deadOwner() {
    var timeline = RunTimeline()
    timeline.add(
      .transfer, startedAt: at(0), finishedAt: at(500), outcome: .unknown, owner: 1, ownerDied: true)
    timeline.add(.transfer, startedAt: at(400), finishedAt: at(401), outcome: .accepted, owner: 2)
    #expect(timeline.longestWait == RunTimeline.Wait(from: at(0), until: at(400), idleness: .stopped))
  }
}
