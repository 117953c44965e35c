import BatchDomain
import Testing

@testable import Reporting

@Suite("runs as text")
struct RunTextTests {
  private let text = RunText(now: Samples.created + .seconds(7_200), zone: LocalZone(offsetSeconds: 3_600))

  @Test func finishedRunFitsOneScreen() {
    let report = text.report(
      RunReport(run: Samples.run(), causes: [Samples.cause], timeline: Samples.timeline))
    #expect(
      report == """
        run 20261123-201505-042-9222 (night)
        finished: 4,990 of 5,000 items accepted, 10 rejected
        104 requests in 20m 35s, the first chunk accepted after 2s; 1 throttled (1m of waiting), 1 answer lost (1 settled)

        next:
          correct the rejected items:
            orchestrate export 20261123-201505-042-9222 --state rejected > corrected.json
          submit the corrected file:
            orchestrate submit corrected.json --again

          manifest     videos.json
          job          nightly
          destination  https://api.twelvelabs.io/v1/indexes/tasks/transfers
          items        5,000 (3 more repeat an earlier one)
          throughput   4 items/s accepted, 5.1 requests/min

          STATE     ITEMS  CHUNKS
          accepted  4,990      99
          rejected     10       1

        timeline:
          2026-11-23 21:15:05+01:00  created
          2026-11-23 21:15:07+01:00  first request
          2026-11-23 21:15:09+01:00  first chunk accepted
          2026-11-23 21:15:11+01:00  nothing sent for 1m, the longest time: the service had asked to wait
          2026-11-23 21:16:12+01:00  last answer
          2026-11-23 22:45:05+01:00  finished

        causes:
          parameter_invalid: refused for its content, 10 items in 1 chunk, 2026-11-23 21:15 to 2026-11-23 22:15
            The index bad\\x1b[31m\\u{202e}\\nline
            e.g. item 350 s3://b/<i>.mp4
            sending again does not help: correct the items, then submit them:
              orchestrate export 20261123-201505-042-9222 --state rejected > corrected.json

        """)
  }

  @Test("a run of nothing but trouble fits a screen: what is too much is counted")
  func manyCauses() {
    let causes = (0..<12).map { number in
      CauseSummary(
        code: "http_5\(number)", message: "m", outcome: .unknown, items: 12 - number, chunks: 1,
        firstAt: Samples.created, lastAt: Samples.created, states: [.failed],
        samples: (0..<3).map {
          CauseSummary.Sample(
            chunk: ChunkNumber($0), item: $0, object: ObjectName("s3://b/\($0)"), message: "m")
        })
    }
    let report = text.report(RunReport(run: Samples.run(), causes: causes, timeline: Samples.timeline))
    #expect(report.contains("  7 more causes with 28 items: --format json or html lists them\n"))
    #expect(report.split(separator: "\n").count <= 50)
  }

  @Test func copiedRunSaysWhereItGoesOnAndAdvisesNothingElse() {
    let run = Samples.run {
      $0.state = .cancelled
      $0.reason = .copied
      $0.detail = "/data/other runs.db"
      $0.counts = StateCounts(
        chunks: [.pending: 90, .unknown: 5, .rejected: 5],
        items: [.pending: 4_500, .unknown: 250, .rejected: 250])
    }
    let report = text.report(RunReport(run: run, causes: [Samples.cause]))
    #expect(report.contains("\ncopied, and goes on in another database: /data/other runs.db [copied]\n"))
    #expect(report.contains("    orchestrate resume \(run.run) --db '/data/other runs.db'\n"))
    for command in ["cancel", "settle", "export", "submit", "--retry"] {
      #expect(
        !report.contains("orchestrate \(command)") && !report.contains(" \(command) "),
        "\(command): \(report)")
    }
  }

  @Test(arguments: PauseReason.allCases.filter { $0 != .copied })
  func pausedRunSaysWhyAndHowToGoOn(reason: PauseReason) {
    let run = Samples.run {
      $0.state = .paused
      $0.reason = reason
      $0.detail = Samples.hostile
      $0.finishedAt = nil
      $0.counts = StateCounts(chunks: [.pending: 100], items: [.pending: 5_000])
    }
    let report = text.report(RunReport(run: run))
    #expect(report.contains("paused: 0 of 5,000 items accepted, 5,000 left\n"))
    #expect(
      report.contains("paused because \(reason.words): bad\\x1b[31m\\u{202e}\\nline [\(reason.rawValue)]\n"))
    let limit = reason == .failures ? " --max-failures 100%" : ""
    #expect(report.contains("    orchestrate resume \(run.run)\(limit)\n"))
    #expect(!report.contains("indexed"))
  }

  @Test(
    arguments: [
      (.planning, true, "planning: the manifest is being read; nothing was sent yet"),
      (.planning, false, "planning: interrupted while the manifest was read; nothing was sent"),
      (.running, true, "running: 10 of 40 items accepted, 5 unknown, 25 left"),
      (.finished, false, "finished: 10 of 40 items accepted, 5 unknown and held, 25 left"),
    ] as [(RunState, Bool, String)])
  func headlineSaysWhatHappened(state: RunState, isLive: Bool, headline: String) {
    let run = Samples.run {
      $0.state = state
      $0.isLive = isLive
      $0.items = 40
      $0.counts = StateCounts(items: [.accepted: 10, .unknown: 5, .pending: 20, .submitting: 5])
    }
    #expect(RunHeadline.text(run) == headline)
  }

  @Test func headlineOfAGoodNightIsShort() {
    let run = Samples.run { $0.counts = StateCounts(items: [.accepted: 5_000]) }
    #expect(RunHeadline.text(run) == "finished: all 5,000 items accepted")
    #expect(NextSteps(run, RunCommands(run: run.run), causes: [], settings: RunSettings()).steps.isEmpty)
  }

  @Test func liveRunShowsItsWaitAndNoAdvice() {
    let run = Samples.run {
      $0.state = .running
      $0.isLive = true
      $0.counts = StateCounts(chunks: [.pending: 1], items: [.pending: 5_000])
      $0.wait = StoredWait(until: Samples.created + .seconds(14_400), reason: "the service asks for it")
    }
    let report = text.report(RunReport(run: run))
    #expect(report.contains("waiting until 01:15 (in 2h): the service asks for it\n"))
    #expect(!report.contains("next:"))
  }

  @Test func lostAndUnknownItemsHaveTheirCommands() {
    let run = Samples.run {
      $0.counts = StateCounts(items: [.accepted: 4_980, .rejected: 10, .failed: 5, .unknown: 5])
    }
    let commands = NextSteps(
      run, RunCommands(run: run.run, database: "/my state/o.db"), causes: [], settings: RunSettings()
    ).steps.map(\.command)
    #expect(
      commands == [
        "orchestrate resume \(run.run) --db '/my state/o.db'",
        "orchestrate settle \(run.run) --as received --db '/my state/o.db'  # or: --as not-received",
        "orchestrate export \(run.run) --state rejected,failed --db '/my state/o.db'",
        "orchestrate resume \(run.run) --retry rejected,failed --db '/my state/o.db'",
      ])
  }

  @Test("with several steps nobody is advised to settle as received; a run that holds has to be told to ask")
  func unknownItemsOfSeveralSteps() {
    let run = Samples.run { $0.counts = StateCounts(items: [.accepted: 4_995, .unknown: 5]) }
    var settings = RunSettings()
    settings.profile = .v1_3
    func commands() -> [String] {
      NextSteps(run, RunCommands(run: run.run), causes: [], settings: settings).steps.map(\.command)
    }
    #expect(
      commands() == ["orchestrate resume \(run.run)", "orchestrate settle \(run.run) --as not-received"])
    settings.onUnknown = .hold
    #expect(
      commands() == [
        "orchestrate resume \(run.run) --on-unknown check",
        "orchestrate settle \(run.run) --as not-received",
      ])
  }

  @Test("what the service refuses for good is advised to be corrected, not to be sent again")
  func hopelessItemsAreCorrected() {
    let commands = RunCommands(run: Samples.run().run)
    let other = CauseSummary(
      code: "http_500", message: nil, outcome: .unknown, items: 1, chunks: 1, firstAt: Samples.created,
      lastAt: Samples.created, states: [.rejected])
    #expect(
      NextSteps(Samples.run(), commands, causes: [Samples.cause], settings: RunSettings()).steps.count == 2)
    #expect(
      NextSteps(Samples.run(), commands, causes: [Samples.cause, other], settings: RunSettings()).steps.count
        == 2)
  }

  @Test("what can be sent again and what has to be corrected is told apart")
  func lostItemsOfBothKinds() {
    let run = Samples.run {
      $0.counts = StateCounts(
        chunks: [.rejected: 1, .failed: 40], items: [.accepted: 4_950, .rejected: 10, .failed: 40])
    }
    let failed = CauseSummary(
      code: "http_500", message: nil, outcome: .unknown, items: 40, chunks: 40, firstAt: Samples.created,
      lastAt: Samples.created, states: [.failed])
    let steps = NextSteps(
      run, RunCommands(run: run.run), causes: [Samples.cause, failed], settings: RunSettings()
    ).steps
    #expect(
      steps.map(\.command) == [
        "orchestrate export \(run.run) --state rejected > corrected.json",
        "orchestrate submit corrected.json --again", "orchestrate export \(run.run) --state failed",
        "orchestrate export \(run.run) --state failed | orchestrate submit - --again",
      ])
  }

  @Test("of a cancelled run what is unknown is asked about, and what was given up can be sent after all")
  func cancelledRun() {
    let run = Samples.run {
      $0.state = .cancelled
      $0.counts = StateCounts(items: [.accepted: 10, .unknown: 5, .cancelled: 4_985])
    }
    let steps = NextSteps(run, RunCommands(run: run.run), causes: [], settings: RunSettings()).steps
    #expect(
      steps.map(\.command) == [
        "orchestrate cancel \(run.run)",
        "orchestrate settle \(run.run) --as received  # or: --as not-received",
        "orchestrate export \(run.run) --state cancelled | orchestrate submit - --again",
      ])
  }

  @Test func historyIsATable() {
    let runs = [
      Samples.run(),
      Samples.run {
        $0.run = Samples.id("20261122-201505-042-3222")
        $0.name = Samples.hostile
        $0.state = .paused
        $0.reason = .account
        $0.createdAt = Samples.created - .seconds(86_400)
        $0.counts = StateCounts(items: [.pending: 5_000])
      },
    ]
    #expect(
      text.history(runs)
        == """
        RUN                       STATE            ITEMS  ACCEPTED  NOT ACCEPTED  UNKNOWN   LEFT  CREATED           AGE  NAME
        20261123-201505-042-9222  finished         5,000     4,990            10        0      0  2026-11-23 21:15   2h  night
        20261122-201505-042-3222  paused: account  5,000         0             0        0  5,000  2026-11-22 21:15  26h  bad\\x1b[31m\\u{202e}\\nline

        """)
    #expect(text.history([]) == "no runs yet\n")
  }
}
