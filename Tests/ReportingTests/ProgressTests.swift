import BatchDomain
import Testing

@testable import Reporting

@Suite("progress")
struct ProgressTests {
  private let text = RunProgressText(zone: LocalZone(offsetSeconds: 3_600))
  private let run = Samples.run().run
  private let now = Samples.created

  @Test func recordedRunIsTheLineOfTheContract() {
    #expect(text.recorded(run, items: 5_000, chunks: 100) == "run \(run): 5000 items in 100 chunks")
    #expect(text.recorded(run, items: 1, chunks: 1) == "run \(run): 1 item in 1 chunk")
  }

  @Test func resumedRunSaysWhatIsLeft() {
    let counts = StateCounts(
      chunks: [.pending: 60, .accepted: 40], items: [.pending: 2_000, .accepted: 3_000])
    #expect(
      text.resumed(run, items: 5_000, counts: counts) == "run \(run): 2000 of 5000 items in 60 chunks left")
  }

  @Test(
    arguments: [
      (nil, "first chunk accepted"), (.zero, "first chunk accepted"),
      (.seconds(5 * 3_600), "first chunk accepted; about 5 h to go, ends 02:15"),
      (.seconds(3 * 86_400), "first chunk accepted; about 3 days to go, ends 2026-11-26 21:15"),
    ] as [(Duration?, String)])
  func firstAcceptedChunkTellsTheEnd(left: Duration?, line: String) {
    #expect(text.firstAccepted(left: left, now: now) == line)
  }

  @Test func progressHasPercentCountsPaceAndTimeLeft() {
    let counts = StateCounts(
      chunks: [.accepted: 42, .pending: 58, .split: 3], items: [.accepted: 2_100, .pending: 2_900])
    #expect(
      text.progress(items: 5_000, counts: counts, chunksPerSecond: 3.5, left: .seconds(720))
        == "42% 2,100/5,000 items, 42/100 chunks, 3.5 chunks/s, about 12m left")
    #expect(
      text.progress(items: 5_000, counts: counts, chunksPerSecond: nil, left: nil)
        == "42% 2,100/5,000 items, 42/100 chunks")
    let one = StateCounts(chunks: [.pending: 1], items: [.pending: 1])
    #expect(
      text.progress(items: 1, counts: one, chunksPerSecond: nil, left: nil) == "0% 0/1 item, 0/1 chunk")
  }

  @Test func progressNeverSaysDoneTooEarly() {
    let counts = StateCounts(chunks: [:], items: [.accepted: 99_998, .rejected: 1, .unknown: 1])
    #expect(
      text.progress(items: 100_000, counts: counts, chunksPerSecond: nil, left: nil)
        .hasPrefix("99% 99,999/100,000 items"))
  }

  @Test func waitAndParkingAreEscaped() {
    let wait = StoredWait(until: now + .seconds(7_200), reason: Samples.hostile)
    #expect(text.waiting(wait, now: now) == "waiting until 23:15 (in 2h): bad\\x1b[31m\\u{202e}\\nline")
    #expect(
      text.paused(.account, detail: "401 \(Samples.hostile)", RunCommands(run: run))
        == "paused because the service refuses the key or the account: 401 bad\\x1b[31m\\u{202e}\\nline; resume, "
        + "once the key and the account are valid, with: orchestrate resume \(run)")
    #expect(
      text.paused(.signal, detail: nil, RunCommands(run: run))
        == "paused because it was asked to stop; resume with: orchestrate resume \(run)")
  }

  @Test func timeLeftFollowsThePaceOfLate() {
    var left = TimeLeft(window: .seconds(100))
    #expect(left.estimate(chunksLeft: 10) == nil)
    #expect(left.estimate(chunksLeft: 0) == .zero)
    for second in 0...1_000 { left.observe(chunks: second, at: .seconds(second)) }
    #expect(left.chunksPerSecond == 1)
    for second in 1_001...1_200 { left.observe(chunks: 1_000 + (second - 1_000) * 2, at: .seconds(second)) }
    #expect(left.estimate(chunksLeft: 100) == .seconds(50))
  }

  @Test func timeLeftKeepsFewSamples() {
    var left = TimeLeft(window: .seconds(100))
    for step in 0..<100_000 { left.observe(chunks: step, at: .milliseconds(step)) }
    #expect(abs((left.chunksPerSecond ?? 0) - 1_000) < 1)
    #expect(
      Mirror(reflecting: left).children.contains { ($0.value as? [Any]).map { $0.count < 300 } ?? false })
  }

  @Test(arguments: [
    (2_000, 100, 4, [], 50), (2_000, 0, 4, [], 0), (2_000, 1, 4, [], 2),
    (2_000, 100, 4, [Rate(count: 50, window: .minute)], 120),
    (2_000, 100, 4, [Rate(count: 50, window: .second), Rate(count: 100, window: .hour)], 3_600),
  ])
  func timeAfterTheFirstKeepsToTheRates(took: Int, left: Int, concurrency: Int, rates: [Rate], seconds: Int) {
    #expect(
      TimeLeft.afterFirst(took: .milliseconds(took), chunksLeft: left, concurrency: concurrency, rates: rates)
        == .seconds(seconds))
  }
}
