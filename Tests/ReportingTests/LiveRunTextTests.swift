import BatchDomain
import Testing

@testable import Reporting

@Suite("the live display's lines")
struct LiveRunTextTests {
  private let text = LiveRunText(zone: LocalZone(offsetSeconds: 3_600))
  private let now = Samples.created

  /// A run of 1,000 items in 100 chunks that has sent one chunk a second for 40 seconds.
  private func run(_ change: (inout LiveRun) -> Void = { _ in }) -> LiveRun {
    var run = LiveRun(at: .zero)
    run.start(items: 1_000, counts: counts(accepted: 0), at: .seconds(100))
    for second in 1...40 { run.observe(counts(accepted: second), at: .seconds(100 + second)) }
    change(&run)
    return run
  }

  private func counts(accepted: Int) -> StateCounts {
    StateCounts(
      chunks: [.accepted: accepted, .pending: 96 - accepted, .submitting: 4],
      items: [.accepted: accepted * 10, .pending: 960 - accepted * 10, .submitting: 40])
  }

  private func lines(_ run: LiveRun, columns: Int = 120) -> [String] {
    text.lines(run, columns: columns, now: now, elapsed: .seconds(140)).map { $0.text(isColored: false) }
  }

  @Test func runThatGoesWellTakesTwoLines() {
    #expect(
      lines(run()) == [
        "40% [===========>                ] 400/1,000 items, about 60s left, "
          + "1 chunks/s now, 1 on average, for 40s",
        "items (chunks): 40 (4) submitting, 560 (56) pending, 400 (40) accepted",
      ])
  }

  @Test("a wait is shown with the moment it ends, the last failure with its age; both are escaped")
  func waitAndFailure() {
    let shown = lines(
      run {
        $0.wait = StoredWait(until: now + .seconds(90), reason: Samples.hostile)
        $0.failure = LiveRun.Failure(
          code: "too_many_requests", message: Samples.hostile, at: now + .seconds(-5))
      })
    #expect(shown[0].contains("about 3m left"), "60 s at this pace, after 90 s of waiting: \(shown[0])")
    #expect(
      shown.dropFirst(2) == [
        "waiting until 21:16 (in 1m 30s): bad\\x1b[31m\\u{202e}\\nline",
        "last failure 5s ago: too_many_requests: bad\\x1b[31m\\u{202e}\\nline",
      ])
  }

  @Test("when only lost answers are left the end is the service's matter, and that it is asked is said")
  func settling() {
    let run = run {
      $0.observe(
        StateCounts(chunks: [.accepted: 98, .unknown: 2], items: [.accepted: 980, .unknown: 20]),
        at: .seconds(141))
    }
    let shown = lines(run)
    #expect(!shown[0].contains("left"))
    #expect(shown[2] == "asking the service about 2 lost answers")
  }

  @Test("a wait that is over is not shown, although nobody has said so yet")
  func waitThatIsOver() {
    #expect(lines(run { $0.wait = StoredWait(until: now, reason: "asked") }).count == 2)
  }

  @Test("stopping, cancelling and store trouble are said, trouble until the store takes a change")
  func phases() {
    #expect(lines(run { $0.phase = .stopping })[2] == "stopping: waiting for 4 requests in flight")
    #expect(lines(run { $0.phase = .cancelling })[2] == "cancelling: what is unknown is still settled")
    var troubled = run { $0.hasStoreTrouble = true }
    #expect(lines(troubled)[2] == "store error: no new requests")
    troubled.observe(counts(accepted: 41), at: .seconds(140))
    #expect(lines(troubled).count == 2)
  }

  @Test("no line takes more columns than there are, and what matters most stays", arguments: 1...140)
  func widths(columns: Int) {
    let run = run {
      $0.wait = StoredWait(until: now + .seconds(90), reason: "the service asks for it 映像")
      $0.failure = LiveRun.Failure(code: "timeout", message: nil, at: now)
    }
    let lines = text.lines(run, columns: columns, now: now, elapsed: .seconds(140))
    #expect(lines.allSatisfy { $0.columns <= columns })
    if columns >= 3 { #expect(lines[0].text(isColored: false).hasPrefix("40%")) }
    if columns >= 24 { #expect(lines[0].text(isColored: false).contains("400/1,000 items")) }
  }

  @Test("the pace of now falls to nothing while nothing moves; the average does not")
  func paceOfNow() {
    var run = run()
    for second in 140...160 { run.pass(to: .seconds(second)) }
    #expect(run.paceNow == 0)
    #expect(abs(run.average(at: .seconds(160)) - 40.0 / 60) < 0.001)
  }

  @Test("after a resume the average counts what this process did")
  func averageAfterResume() {
    var run = LiveRun(at: .zero)
    run.start(items: 1_000, counts: counts(accepted: 50), at: .seconds(100))
    run.observe(counts(accepted: 60), at: .seconds(110))
    #expect(run.average(at: .seconds(110)) == 1)
    #expect(run.timeLeft(at: Samples.created) == .seconds(40))
  }

  @Test("colour frames words with codes that take no columns")
  func colour() {
    let line = LiveLine([LiveLine.Piece("3 failed", .bad), LiveLine.Piece(" of 5")])
    #expect(line.text(isColored: true) == "\u{1b}[31m3 failed\u{1b}[0m of 5")
    #expect(line.text(isColored: false) == "3 failed of 5")
    #expect(line.columns == 13)
  }
}

@Suite("the lines of planning")
struct PlanningTextTests {
  private let text = PlanningText(manifest: "videos.json")

  private func standing(_ bytes: Int, of total: Int?, items: Int = 421_000) -> PlanningText.Standing {
    PlanningText.Standing(bytes: bytes, totalBytes: total, items: items, elapsed: .seconds(8))
  }

  @Test func fileIsReadByItsBytes() {
    #expect(
      text.line(standing(80_000_000, of: 190_000_000))
        == "planning: 42% of videos.json read (80 MB of 190 MB), 421,000 items so far")
    #expect(
      text.live(standing(80_000_000, of: 190_000_000), columns: 110).text(isColored: false)
        == "planning 42% [==========>              ] 421,000 items, 80 MB of 190 MB, about 11s left, 10 MB/s, "
        + "videos.json")
  }

  @Test func pipeHasNoShareAndNoEnd() {
    #expect(
      text.line(standing(80_000_000, of: nil)) == "planning: 80 MB of videos.json read, 421,000 items so far")
    #expect(
      text.live(standing(80_000_000, of: nil), columns: 110).text(isColored: false)
        == "planning 421,000 items, 80 MB, 10 MB/s, videos.json")
  }

  @Test("a file that grew while it was read, and an empty one, have a share that can be")
  func oddSizes() {
    #expect(text.line(standing(200, of: 100)).hasPrefix("planning: 100% of"))
    #expect(text.line(standing(0, of: 0)).hasPrefix("planning: 0 B of"))
  }

  @Test("any width holds the line", arguments: 1...130)
  func widths(columns: Int) {
    #expect(text.live(standing(80, of: 190), columns: columns).columns <= columns)
  }

  @Test("the manifest's name is escaped, and standard input has words")
  func names() {
    #expect(PlanningText(manifest: Samples.hostile).line(standing(1, of: nil)).contains("\\x1b[31m"))
    #expect(PlanningText(manifest: "-").line(standing(1, of: nil)).contains("1 B of standard input read"))
  }
}

@Suite("columns and bytes")
struct ColumnsAndBytesTests {
  @Test(arguments: [
    ("abc", 3), ("", 0), ("é", 1), ("e\u{301}", 1), ("映像", 4), ("한국", 4), ("a\u{200d}b", 2), ("✓", 1),
    ("😀", 2), ("❤\u{fe0f}", 2),
  ])
  func columns(text: String, columns: Int) {
    #expect(TextColumns.count(text) == columns)
  }

  @Test(arguments: [
    ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("映像視", 5, "映像…"), ("映像視", 4, "映…"), ("abc", 1, "…"),
    ("abc", 0, ""),
  ])
  func cut(text: String, columns: Int, shown: String) {
    #expect(TextColumns.cut(text, to: columns) == shown)
  }

  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (1_999, "1.9 kB"), (12_345, "12 kB"), (999_999, "999 kB"),
    (190_400_000, "190 MB"), (Int.max, "9.2 EB"),
  ])
  func bytes(bytes: Int, shown: String) {
    #expect(HumanBytes.text(bytes) == shown)
  }
}
