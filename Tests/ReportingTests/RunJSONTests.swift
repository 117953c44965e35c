import BatchDomain
import Foundation
import Testing

@testable import Reporting

@Suite("runs as JSON")
struct RunJSONTests {
  private static let runObject =
    #"{"run_id":"20261123-201505-042-9222","name":"night","job":"nightly","state":"finished","reason":null,"#
    + #""live":false,"created_at":"2026-11-23T20:15:05.042Z","finished_at":"2026-11-23T21:45:05.042Z","manifest":"videos.json","#
    + #""items":5000,"repeated":3,"skipped":0,"chunks":{"pending":0,"submitting":0,"processing":0,"unknown":0,"accepted":99,"rejected":1,"#
    + #""failed":0,"split":0,"cancelled":0},"items_by_state":{"pending":0,"submitting":0,"processing":0,"unknown":0,"#
    + #""accepted":4990,"rejected":10,"failed":0,"cancelled":0},"attempts":104,"sending_seconds":1234.5}"#

  @Test func runHasTheKeysOfTheContractInTheirOrder() {
    #expect(RunJSON.document(Samples.run(), .compact) == #"{"run":"# + Self.runObject + "}\n")
  }

  @Test("whether a process plans or sends a run is told beside its state", arguments: [false, true])
  func live(isLive: Bool) {
    let text = RunJSON.document(
      Samples.run {
        $0.state = .planning
        $0.isLive = isLive
      }, .compact)
    #expect(text.contains(#""state":"planning","reason":null,"live":\#(isLive)"#), "\(text)")
  }

  @Test func itemsByStateSumToItems() throws {
    struct Document: Decodable {
      struct Run: Decodable {
        let items: Int
        let items_by_state: [String: Int]
      }
      let run: Run
    }
    let text = RunJSON.document(Samples.run())
    let run = try JSONDecoder().decode(Document.self, from: Data(text.utf8)).run
    #expect(run.items_by_state.values.reduce(0, +) == run.items)
    #expect(run.items_by_state["split"] == nil)
  }

  @Test func whatIsUnknownIsNull() {
    let text = RunJSON.document(
      Samples.run {
        $0.state = .paused
        $0.reason = .account
        $0.name = nil
        $0.job = nil
        $0.finishedAt = nil
        $0.sendingTime = nil
      }, .compact)
    for part in [
      #""name":null,"job":null,"state":"paused","reason":"account""#, #""finished_at":null"#,
      #""sending_seconds":null"#,
    ] { #expect(text.contains(part)) }
  }

  @Test(arguments: [0, 1, 499, 500, 501, 1_000, 1_234])
  func historyIsWrittenPageByPage(count: Int) async throws {
    let runs = (0..<count).reversed().map { number in
      Samples.run { $0.run = Samples.id("run-\(number.padded(6))") }
    }
    var text = ""
    try await RunJSON.history(Samples.pages(runs), to: &text)
    let document = try JSONDecoder().decode([String: [RunRow]].self, from: Data(text.utf8))
    #expect(document["runs"]?.map(\.run_id) == runs.map(\.run.rawValue))
    #expect(text.hasSuffix("}\n"))
  }

  private struct RunRow: Decodable { let run_id: String }

  @Test(arguments: [0, 1, 500, 501, 1_500])
  func reportStreamsItsChunks(count: Int) async throws {
    struct Document: Decodable {
      struct Chunk: Decodable {
        let chunk: Int
        let http_status: Int?
      }
      struct Cause: Decodable { let first_at: String }
      let causes: [Cause]
      let chunks: [Chunk]
    }
    var pieces: [String] = []
    var output = ClosureOutput { pieces.append($0) }
    try await ReportJSON.write(
      RunReport(run: Samples.run(), causes: [Samples.cause]), commands: Samples.commands,
      chunks: Samples.pages(Samples.chunks(count)), .compact, to: &output)
    let document = try JSONDecoder().decode(Document.self, from: Data(pieces.joined().utf8))
    #expect(document.chunks.map(\.chunk) == Array(0..<count))
    #expect(document.causes.map(\.first_at) == ["2026-11-23T20:15:05.042Z"])
    #expect(pieces.allSatisfy { $0.utf8.count < 120_000 })
  }

  @Test func chunkAndCauseHaveTheKeysOfTheContract() async throws {
    let chunk = ChunkSummary(
      number: ChunkNumber(3), firstItem: 150, itemCount: 50, state: .rejected, attempts: 2, status: 400,
      code: "parameter_invalid", message: "no")
    var text = ""
    try await ReportJSON.write(
      RunReport(run: Samples.run(), causes: [Samples.cause]), commands: Samples.commands,
      chunks: Samples.pages([chunk]), .compact, to: &text)
    #expect(
      text.contains(
        #""causes":[{"code":"parameter_invalid","message":"The index bad\u001b[31m"#))
    #expect(
      text.contains(
        #""outcome":"content","items":10,"chunks":1,"first_at":"2026-11-23T20:15:05.042Z","last_at":"2026-11-23T21:15:05.042Z","pattern":"The index N","states":["rejected"],"repeating":"refused_again","command":"orchestrate export 20261123-201505-042-9222 --state rejected > corrected.json","samples":[{"chunk":7,"item":350,"object":"s3://b/<i>.mp4","message":null}]}]"#
      ))
    #expect(
      text.contains(
        #""chunks":[{"chunk":3,"first_item":150,"item_count":50,"state":"rejected","attempts":2,"http_status":400,"error_code":"parameter_invalid","message":"no","split_from":null,"not_isolated":false,"settlement":null}]}"#
      ))
  }

  @Test func errorDocumentHasItsFindings() {
    let document = ErrorDocument(
      code: "bad_manifest", message: "2 findings",
      findings: [
        ReportedFinding(severity: .error, line: 3, column: 7, item: 1, message: "no \u{1b}")
      ], findingsTotal: 21)
    #expect(
      document.json(.compact)
        == #"{"error":{"code":"bad_manifest","message":"2 findings","remedy":null},"findings":[{"severity":"error","line":3,"column":7,"item":1,"message":"no \u001b"}],"findings_total":21}"#
        + "\n")
    #expect(
      document.text(path: "m.json")
        == "m.json:3:7: error: item 1: no \\x1b\n... and 20 more\nerror: 2 findings\n")
  }

  @Test func errorOfTheOutputIsHandedOn() async {
    struct Lost: Error {}
    var output = ClosureOutput { _ in throw Lost() }
    await #expect(throws: Lost.self) { try await RunJSON.history(Samples.pages([]), to: &output) }
  }
}
