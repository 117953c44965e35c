import BatchDomain
import Testing

@testable import Reporting

@Suite("What a removal of old runs says")
struct RemovalTextTests {
  private func run(_ number: Int, items: Int = 10, isBegun: Bool = false) -> OldRun {
    OldRun(
      run: Samples.id("20260101-000000-000-\(number.padded(4))"), items: items, lastChangeAt: Samples.created,
      isBegun: isBegun)
  }

  private func report(isDryRun: Bool = false, database: String? = nil) -> RemovalReport {
    RemovalReport(olderThan: .seconds(90 * 86_400), isDryRun: isDryRun, zone: .utc, database: database)
  }

  @Test("runs and items are counted, the first are listed, and what an earlier prune left is told apart")
  func removed() {
    var report = report()
    for number in 0..<12 { report.add(run(number, items: 1_000), RunRemoval(bytes: 250_000)) }
    report.add(run(90, isBegun: true), RunRemoval(bytes: 500_000))
    // Nothing of it can go yet.
    report.add(run(91, isBegun: true), RunRemoval())
    #expect((report.runs, report.items, report.bytes) == (12, 12_000, 3_500_000))
    let lines = report.lines
    #expect(lines[0] == "removed 12 runs with 12,000 items, about 3.5 MB of the database:")
    #expect(lines[1] == "  20260101-000000-000-0000: 1,000 items, last change 2026-11-23 20:15")
    #expect(
      Array(lines[11...]) == [
        "  and 2 more", "removed what was left of 1 run that an earlier prune had removed",
        "what they had accepted, and what was rejected for good, stays known; later runs use their room in the file",
      ])
    #expect(report.keptLines.isEmpty)
    #expect(report.document() == "{\n  \"runs\": 12,\n  \"items\": 12000,\n  \"bytes\": 3500000\n}\n")
  }

  @Test("every reason to leave a run alone has its line, with the command that helps")
  func kept() {
    var report = report(isDryRun: true, database: "my store.db")
    let reasons: [KeptRun] = [
      .recent, .recent, .live, .unfinished, .unfinished, .unfinished, .unfinished, .unknown,
      .needed(by: Samples.id("20260202-000000-000-abcd")), .inconsistent,
    ]
    for (number, reason) in reasons.enumerated() { report.add(run(number), RunRemoval(kept: reason)) }
    // Another process removes it.
    report.add(run(50, isBegun: true), RunRemoval(kept: .live))
    #expect(report.lines == ["no run is removed: none that is over is older than 90d"])
    let id = "20260101-000000-000-"
    let option = "--db 'my store.db'"
    #expect(
      report.keptLines == [
        "left alone: 1 live run (\(id)0002)",
        "left alone: 4 unfinished runs (\(id)0003, \(id)0004, \(id)0005, ...); `orchestrate resume \(id)0003 \(option)` "
          + "continues the first, `orchestrate cancel \(id)0003 \(option)` ends it",
        "left alone: 1 run with lost answers that are not settled (\(id)0007); `orchestrate report \(id)0007 \(option)` "
          + "says what to do",
        "left alone: 1 run (\(id)0008) with videos of the same names as those whose answers run 20260202-000000-000-abcd "
          + "lost; `orchestrate report 20260202-000000-000-abcd \(option)` says what to do",
        "left alone: 1 run with records that contradict each other (\(id)0009); `orchestrate verify \(id)0009 \(option)` "
          + "names them",
        "left alone: 2 runs newer than 90d",
      ])
  }
}
