import ArgumentParser
import AssetsService
import BatchDomain
import Foundation
import Reporting
import S3Access
import S3Signing
import ServiceHTTP
import TestSupport
import Testing
import TransfersService

@testable import OrchestrateCommands

@Suite("doctor")
struct DoctorCommandTests {
  /// What is checked with profile v1.3 only.
  private static let ofAssets: [HealthCheck.Subject] = [
    .credentials, .index, .bucket, .object, .upload, .indexing, .clock,
  ]

  @Test("without a key the service is not asked, nothing is made, and the status is 1")
  func noKey() async throws {
    let stage = try CommandStage()
    #expect(try await stage.run(DoctorCommand.self, "--format", "json") == .lost)
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(stage.output.written.utf8)) as? [String: Any])
    #expect(Set(document.keys) == ["checks"])
    let checks = try #require(document["checks"] as? [[String: Any]])
    #expect(
      checks.compactMap { $0["check"] as? String }
        == HealthCheck.Subject.allCases.filter { !Self.ofAssets.contains($0) }.map(\.rawValue))
    #expect(checks.allSatisfy { Set($0.keys) == ["check", "status", "message", "remedy"] })
    let states = checks.compactMap { $0["status"] as? String }
    #expect(states == ["problem", "skipped", "ok", "skipped", "skipped", "skipped", "ok", "skipped", "ok"])
    #expect((checks[0]["remedy"] as? String)?.contains("TWELVELABS_API_KEY") == true)
    #expect(!FileManager.default.fileExists(atPath: stage.database))
  }

  @Test("a bug report has the checks of this machine in words, and none of the service's words or of names")
  func bundle() async throws {
    let stage = try CommandStage()
    let answer = SubmissionResult(
      .account, status: 401, code: "unauthorized",
      message: "the key of somebody@example.org is disabled")
    let checks = [
      ServiceHealth.check(
        .refused(answer, isForeign: false), baseURL: "https://api.twelvelabs.io", profile: .v1_3),
      HealthCheck(.object, .ok, "s3://media-west/a film of ours.mp4 has 5 bytes"),
      HealthCheck(.locks, .ok, "locks keep processes apart"),
    ]
    #expect(checks[0].message.contains("somebody@example.org"))
    let text = await BugReport(checks: checks, database: stage.database, context: stage.context).document()
    #expect(!text.contains("example.org") && !text.contains("film of ours"), "\(text)")
    #expect(text.contains("answered 401") && text.contains("locks keep processes apart"), "\(text)")
  }

  @Test("with profile v1.3, or where something of it is named, S3, the index and the clock are listed, too")
  func assets() async throws {
    for arguments in [["--profile", "v1.3"], ["--probe", "s3://media-west/a.mp4"]] {
      let stage = try CommandStage()
      let command = try DoctorCommand.parse(arguments + ["--format", "json"])
      #expect(await command.status(in: stage.context(["AWS_EC2_METADATA_DISABLED": "true"])) == .lost)
      let document = try #require(
        try JSONSerialization.jsonObject(with: Data(stage.output.written.utf8)) as? [String: Any])
      let checks = try #require(document["checks"] as? [[String: Any]])
      #expect(
        checks.compactMap { $0["check"] as? String } == HealthCheck.Subject.allCases.map(\.rawValue))
      let states = checks.compactMap { $0["status"] as? String }
      #expect(
        Array(states.prefix(9)) == ["problem", "skipped", "problem"] + Array(repeating: "skipped", count: 6))
      #expect((checks[2]["message"] as? String)?.hasPrefix("no AWS credentials were found") == true)
    }
  }

  @Test("of a session without its end doctor says so, and what to do; of other credentials when they end")
  func credentials() async throws {
    let stage = try CommandStage()
    let checks = AccessChecks(access: ObjectAccess(), bucket: nil, probe: nil, context: stage.context)
    func check(token: String?, until: Timestamp?) -> HealthCheck {
      checks.credentials(
        HeldCredentials(
          AWSCredentials(accessKeyID: "A", secretAccessKey: "s", sessionToken: token, expiresAt: until),
          origin: "the environment"))
    }
    let start = "the credentials for S3 come from the environment"
    let unknown = check(token: "t", until: nil)
    #expect(unknown.status == .ok && unknown.message == "\(start) and are a session whose end is not known")
    #expect(unknown.remedy?.description.contains("$AWS_CREDENTIAL_EXPIRATION") == true)
    #expect(check(token: nil, until: nil).message == start)
    let known = check(token: "t", until: stage.clock.now() + .seconds(3_600))
    #expect(known.message.hasPrefix("\(start) and end at ") && known.remedy == nil)
  }

  @Test(
    "what cannot be is refused where it is written",
    arguments: [
      ["--profile", "v1.2", "--bucket", "media-west"], ["--profile", "v1", "--index-id", "i"],
      ["--probe", "s3://media-west"], ["--probe", "a.mp4"], ["--bucket", "s3://media-west"],
      ["--index-id", " "],
    ])
  func refused(arguments: [String]) {
    #expect(throws: (any Error).self) { try DoctorCommand.parse(arguments) }
  }

  static let clocks: [(leads: [Int], refused: Bool, status: HealthCheck.Status, says: String)] = [
    ([], false, .skipped, "no answer said the time"),
    ([59, -59], false, .ok, "less than a minute from that of the service and S3"),
    ([60], false, .ok, "60s ahead of the clock of the service"),
    ([0, -120], false, .ok, "2m behind the clock of S3"),
    ([900, 0], false, .ok, "15m ahead of the clock of the service"),
    ([901], false, .problem, "15m ahead of the clock of the service"),
    ([0, -7_200], false, .problem, "2h behind the clock of S3"),
    ([0], true, .problem, "S3 refuses signatures of this machine for their time"),
    ([300], true, .problem, "5m ahead of the clock of the service"),
  ]

  @Test(
    "the clock: a word from a minute on, a problem where S3 refuses signatures", arguments: clocks.indices)
  func clock(row: Int) {
    let clock = Self.clocks[row]
    let leads = zip(["the service", "S3"], clock.leads).map { (whose: $0, lead: Duration.seconds($1)) }
    let check = ClockHealth.check(leads, isRefused: clock.refused)
    #expect(check.status == clock.status, "\(check)")
    #expect(check.message.contains(clock.says), "\(check)")
    let isWorthAWord = clock.refused || clock.leads.contains { abs($0) >= 60 }
    #expect((check.remedy != nil) == isWorthAWord, "\(check)")
  }

  static let indexes: [(look: IndexLook?, status: HealthCheck.Status, says: String)] = [
    (nil, .skipped, "does not answer"),
    (.missing, .problem, "index i1 does not exist"),
    (.unread(pause: nil, detail: "the listing was refused: HTTP 500"), .problem, "HTTP 500"),
    (.found(IndexDescription(models: []), notes: []), .problem, "no model"),
    (
      .found(
        IndexDescription(models: ["marengo3.0"], videoCount: 98, totalDuration: .seconds(36_000)),
        notes: [AssetsPreflight.Note(index: "i1", text: "it ends soon")]), .ok,
      "with marengo3.0 and 98 videos of 600 minutes; the plan of the account may limit both; it ends soon"
    ),
    (
      .found(
        IndexDescription(models: ["pegasus1.2"]),
        notes: [AssetsPreflight.Note(index: "i1", text: "takes no new videos", isProblem: true)]), .problem,
      "takes no new videos"
    ),
  ]

  @Test("what the service said of the index is put into words", arguments: indexes.indices)
  func index(row: Int) {
    let index = Self.indexes[row]
    let check = IndexHealth.check("i1", index.look)
    #expect(check.status == index.status, "\(check)")
    #expect(check.message.contains(index.says), "\(check)")
    #expect((check.remedy != nil) == (check.status == .problem))
  }

  private static let seen = AssetTrial.Seen(
    id: "a1", readyAfter: .milliseconds(2_100), listedAfter: .milliseconds(250), showsTag: true)

  static let trials: [(trial: AssetTrial, upload: String, indexing: String, says: [String])] = [
    (
      AssetTrial(upload: .ready(seen), index: .accepted(id: "x1", listedAfter: .milliseconds(500))), "ok",
      "ok",
      [
        "from a signed URL: asset a1 was ready after 2.1s; the list of assets showed it after 250ms, with its metadata",
        "its answer named limits: X-RateLimit-Request-Remaining: 59",
        "index i1 took the asset: indexed asset x1; the list of its asset showed it after 500ms",
        "its answer named no limit",
      ]
    ),
    (
      AssetTrial(
        upload: .ready(
          AssetTrial.Seen(id: "a1", readyAfter: .zero, listedAfter: .seconds(1), showsTag: false)),
        index: .accepted(id: "x1", listedAfter: nil)), "ok", "ok",
      ["without the metadata that was sent with it", "did not show it within 1m", "--settle-delay"]
    ),
    (
      AssetTrial(
        upload: .ready(
          AssetTrial.Seen(id: "a1", readyAfter: .zero, listedAfter: nil, showsTag: false)),
        index: .failed("HTTP 400 index_full")), "ok", "problem",
      ["did not show it within 1m", "index i1 did not take the asset: HTTP 400 index_full"]
    ),
    (
      AssetTrial(upload: .failed("the service could not use it: no access", id: "a1")), "problem", "skipped",
      ["no access (asset a1, which stays there)", "any network"]
    ),
  ]

  @Test("what one object showed on its way through both steps is put into words", arguments: trials.indices)
  func trial(row: Int) {
    let trial = Self.trials[row]
    let checks = TrialHealth.checks(
      trial.trial, index: "i1", limits: [["X-RateLimit-Request-Remaining: 59"], []])
    #expect(checks.map(\.subject) == [.upload, .indexing])
    #expect(checks.map(\.status.rawValue) == [trial.upload, trial.indexing])
    let text = HealthText.text(checks)
    for words in trial.says { #expect(text.contains(words), "\(text)") }
    #expect(checks.allSatisfy { $0.status != .problem || $0.remedy != nil })
  }

  @Test("a key that cannot be read is a problem, never shown")
  func badKey() async throws {
    let stage = try CommandStage()
    let file = try stage.folder.write("two words of a secret", to: "key")
    #expect(try await stage.run(DoctorCommand.self, "--api-key-file", file) == .lost)
    #expect(stage.output.written.hasPrefix("problem  key"))
    #expect(stage.output.written.hasSuffix("1 problem found\n"))
    #expect(!stage.output.written.contains("secret"))
  }

  static let answers: [(failure: ListingFailure?, status: HealthCheck.Status, says: String)] = [
    (nil, .ok, "takes the key"),
    (.refused(Answer(status: 401, code: "api_key_invalid")), .problem, "api_key_invalid"),
    (.refused(Answer(status: 400, code: "insufficient_funds")), .problem, "account"),
    (.refused(Answer(status: 404)), .problem, "profile v1"),
    (.refused(Answer(status: 302)), .problem, "profile v1"),
    (.refused(Answer(status: 500)), .problem, "error of its own"),
    (.refused(Answer(status: 200, mediaType: "text/html")), .problem, "not a list of tasks"),
    (.refused(Answer(status: 200, code: "listing_unreadable")), .problem, "not a list of tasks"),
    (.refused(Answer(status: 429)), .ok, "later"),
    (.refused(Answer(status: 400, code: "parameter_not_provided")), .ok, "did not refuse"),
    (
      .transport(
        TransportFailure(progress: .notWritten, code: "connect_refused", message: "connection refused")),
      .problem, "does not answer"
    ),
  ]

  @Test("what the service answered is put into words", arguments: answers.indices)
  func service(row: Int) async {
    let answer = Self.answers[row]
    let service = TransfersService(
      Listing(failure: answer.failure), profile: .v1, clock: ManualClock(), destination: "")
    let check = ServiceHealth.check(await service.probe(), baseURL: "https://api.example", profile: .v1)
    #expect(check.status == answer.status, "\(check)")
    #expect(check.message.contains(answer.says), "\(check)")
    #expect(check.message.contains("https://api.example"))
    #expect((check.remedy != nil) == (check.status == .problem))
  }

  @Test("what is no list is named by the list that the profile has")
  func list() {
    let page = ProbeResult.refused(SubmissionResult(.unknown, status: 200), isForeign: false)
    func said(_ profile: ServiceProfile) -> String {
      ServiceHealth.check(page, baseURL: "https://api.example", profile: profile).message
    }
    #expect(said(.v1_3).hasSuffix("this is not the list of assets"))
    #expect(said(.v1_2).hasSuffix("this is not a list of tasks"))
  }
}

/// A service of which only the list of tasks is asked for.
private struct Listing: TransfersAPI {
  let failure: ListingFailure?

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> { .success(Answer(status: 500)) }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    if let failure { throw failure }
    return TaskListPage([])
  }

  func task(_ id: String) async throws(ListingFailure) -> TaskRow { throw .refused(Answer(status: 404)) }
}
