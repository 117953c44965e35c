import BatchDomain
import Testing

@testable import Reporting

@Suite("what can be done about a cause")
struct CauseAdviceTests {
  private func cause(
    _ outcome: Outcome, code: String = "x", _ states: Set<ChunkState>
  ) -> CauseSummary {
    CauseSummary(
      code: code, message: nil, outcome: outcome, items: 10, chunks: 10, firstAt: Samples.created,
      lastAt: Samples.created, states: states)
  }

  private func advice(
    _ cause: CauseSummary, _ settings: RunSettings = RunSettings(),
    _ change: (inout RunSummary) -> Void = { _ in }
  ) -> CauseAdvice {
    CauseAdvice(
      cause, of: Samples.run(change), settings, RunCommands(run: Samples.run().run, database: "/a b"))
  }

  private let id = "20261123-201505-042-9222"

  @Test("what is refused for good is written to a file to be corrected")
  func refused() {
    let advice = advice(cause(.content, code: "video_file_broken", [.rejected]))
    #expect(advice.words.hasPrefix("sending again does not help"))
    #expect(advice.command == "orchestrate export \(id) --state rejected --db '/a b' > corrected.json")
  }

  @Test("failed chunks are sent again as they are, where that takes no more requests than a new run")
  func retry() {
    #expect(
      advice(cause(.unknown, [.failed])) {
        $0.counts = StateCounts(chunks: [.failed: 1], items: [.failed: 50])
      }
      .command == "orchestrate resume \(id) --retry failed --db '/a b'")
  }

  @Test("many small pieces are packed together in a new run with the settings of this one")
  func anew() {
    var settings = RunSettings()
    settings.baseURL = "http://127.0.0.1:9"
    settings.profile = .v1_2
    settings.chunkSize = 20
    settings.rates = [Rate(count: 50, window: .minute)]
    let counts = StateCounts(chunks: [.rejected: 30, .failed: 11], items: [.rejected: 30, .failed: 11])
    let cause = cause(.content, [.rejected, .failed])
    let advice = advice(cause, settings) { $0.counts = counts }
    #expect(advice.words.hasPrefix("sending again may not help"))
    #expect(
      advice.command == "orchestrate export \(id) --state rejected,failed --db '/a b' | "
        + "orchestrate submit - --again --base-url http://127.0.0.1:9 --profile v1.2 --chunk-size 20 "
        + "--rate 50/min --db '/a b'")
    // A paused run has more to send anyway.
    let paused = self.advice(cause, settings) {
      $0.counts = counts
      $0.state = .paused
    }
    #expect(paused.command == "orchestrate resume \(id) --retry rejected,failed --db '/a b'")
  }

  @Test(
    "what is open goes on with resume, once what the service refused is put right",
    arguments: [
      (.throttled, "sending again can help"),
      (.account, "sending again can help once the key and the account are valid"),
      (.endpoint, "sending again can help once the address is correct (--base-url)"),
      (.index, "sending again can help once the index exists for this account"),
    ] as [(Outcome, String)])
  func open(outcome: Outcome, words: String) {
    let advice = advice(cause(outcome, [.pending])) { $0.state = .paused }
    #expect(advice.words == words)
    #expect(advice.command == "orchestrate resume \(id) --db '/a b'")
  }

  @Test("where the account needs another profile, the manifest is to be submitted again with it")
  func otherProfile() {
    var settings = RunSettings()
    settings.rates = [Rate(count: 50, window: .minute)]
    settings.limit = 5
    let detail =
      "https://api.twelvelabs.io/v1/x does not answer as the transfers endpoint of profile v1; "
      + "\(ServiceProfile.v1.otherAccounts): HTTP 404"
    func pause(_ detail: String) -> (inout RunSummary) -> Void {
      { run in
        (run.state, run.reason, run.detail) = (.paused, .endpoint, detail)
        run.counts = StateCounts(chunks: [.pending: 100], items: [.pending: 5_000])
      }
    }
    let command =
      "orchestrate submit videos.json --again --profile v1.3 --chunk-size 1 --rate 50/min --limit 5 --db '/a b'"
    let cause = cause(.endpoint, [.pending])
    let advice = advice(cause, settings, pause(detail))
    #expect(advice.words.contains("in a new run with --profile v1.3, if the account needs it"))
    #expect(advice.command == command)

    let commands = RunCommands(run: Samples.run().run, database: "/a b")
    let steps = NextSteps(Samples.run(pause(detail)), commands, causes: [cause], settings: settings).steps
    #expect(steps.map(\.command) == [command, "orchestrate resume \(id) --db '/a b'"])
    #expect(
      steps.first?.purpose.hasPrefix("submit the manifest again, if the account needs --profile v1.3")
        == true)
    let notice = RunNoticeText(zone: .utc, commands: commands)
    #expect(notice.left(Samples.run(pause(detail))).hasSuffix(": orchestrate report \(id) --db '/a b'"))
    let line = RunProgressText(zone: .utc).paused(.endpoint, detail: detail, commands)
    #expect(
      line.contains("; submit the manifest again if the account needs --profile v1.3, else resume, once"))

    // A pipe cannot be read again.
    let piped = NextSteps(
      Samples.run {
        pause(detail)(&$0)
        $0.manifest = "-"
      }, commands, causes: [], settings: settings
    ).steps
    #expect(
      piped.first?.command.hasPrefix(
        "orchestrate export \(id) --state pending --db '/a b' | orchestrate submit - ") == true)

    // An address that is wrong for another reason, and one that has answered, are no matter of the profile.
    for other in [
      Samples.run(pause("the certificate has expired")),
      Samples.run {
        pause(detail)(&$0)
        $0.counts = StateCounts(items: [.pending: 4_000, .accepted: 1_000])
      },
    ] {
      let steps = NextSteps(other, commands, causes: [], settings: settings).steps
      #expect(steps.map(\.command) == ["orchestrate resume \(id) --db '/a b'"])
    }
  }

  @Test("settings that go with one generation only are left out for the other")
  func movedSettings() throws {
    var settings = RunSettings()
    (settings.profile, settings.chunkSize, settings.ahead) = (.v1_3, 1, 7)
    settings.rates = [
      Rate(count: 50, window: .minute), Rate(count: 5, window: .minute, step: .upload),
    ]
    settings.mediaRates = [MediaRate(minutes: 600, window: .hour)]
    settings.objects.profile = "night"
    settings.timeout = .seconds(30)
    let moved = settings.moved(to: settings.profile.otherGeneration)
    try moved.checkProfile()
    var expected = RunSettings()
    expected.rates = [Rate(count: 50, window: .minute)]
    expected.timeout = .seconds(30)
    #expect(moved == expected)
    try moved.moved(to: moved.profile.otherGeneration).checkProfile()
  }

  @Test("held items are asked about again, or settled by a person where the run is told to hold them")
  func held() {
    var settings = RunSettings()
    #expect(
      advice(cause(.unknown, [.unknown]), settings).command == "orchestrate resume \(id) --db '/a b'")
    settings.onUnknown = .hold
    #expect(
      advice(cause(.unknown, [.unknown]), settings).command?.hasPrefix(
        "orchestrate settle \(id) --as received")
        == true)
    settings.profile = .v1_3
    let asked = advice(cause(.unknown, [.unknown]), settings)
    #expect(asked.words == "held as --on-unknown says: the service can be asked")
    #expect(asked.command == "orchestrate resume \(id) --on-unknown check --db '/a b'")
  }

  @Test("nobody has to do anything about a run that goes on")
  func live() {
    let open = advice(cause(.unknown, [.unknown])) { $0.isLive = true }
    #expect(open.words == "the run continues automatically")
    #expect(open.command == nil)
    #expect(advice(cause(.content, [.rejected])) { $0.isLive = true }.command == nil)
  }

  @Test("of a cancelled run the lost items can only be sent anew")
  func cancelled() {
    let advice = advice(cause(.unknown, [.failed])) { $0.state = .cancelled }
    #expect(advice.command?.contains("| orchestrate submit - --again") == true)
  }
}
