import BatchDomain
import Foundation
import Testing

@testable import Reporting

@Suite("rows of a run")
struct DetailTests {
  private let text = DetailText(zone: .utc)

  private func items(_ count: Int) -> ItemPages {
    ItemPages { from, limit in
      let rows = ((from ?? 0)..<count).prefix(limit).map { sequence in
        ItemSummary(
          sequence: sequence, indexID: "i", object: ObjectName("s3://b/\(Samples.hostile)"), state: .rejected,
          chunk: ChunkNumber(sequence / 10), attempts: 2, code: "=x", message: Samples.hostile)
      }
      return DetailPage(rows: rows, next: rows.count == limit ? (from ?? 0) + limit : nil)
    }
  }

  private var attempts: AttemptPages {
    AttemptPages { _, _ in
      DetailPage(
        rows: [
          AttemptSummary(
            key: AttemptSummary.Key(chunk: ChunkNumber(3), number: 1), startedAt: Samples.created,
            finishedAt: Samples.created + .seconds(2), took: .milliseconds(1_999), outcome: .unknown,
            status: 500, code: "e", message: "m"),
          AttemptSummary(
            key: AttemptSummary.Key(chunk: ChunkNumber(3), number: 2), startedAt: Samples.created),
        ], next: nil)
    }
  }

  @Test("a table is cut where a person would stop reading, and says so; what came from outside is escaped")
  func table() async throws {
    let all = try await text.items(items(1_000), limit: nil)
    #expect(all.split(separator: "\n").count == 1_001)
    let cut = try await text.items(items(1_001), limit: nil)
    #expect(cut.split(separator: "\n").count == 1_002)
    #expect(cut.hasSuffix("more rows are not shown: raise --limit, or use --format csv or json\n"))
    #expect(!cut.contains("\u{1b}"))
    #expect(try await text.items(items(0), limit: nil) == "no matching rows\n")
  }

  @Test("items of a service of several steps are shown with their step and the ids that it gave")
  func steps() async throws {
    let pages = ItemPages { _, _ in
      DetailPage(
        rows: [
          ItemSummary(
            sequence: 0, indexID: "i", object: "s3://b/k", state: .accepted, chunk: ChunkNumber(0),
            attempts: 2,
            step: .index, externalIDs: [.upload: "asset-1", .index: "indexed-1"]),
          ItemSummary(
            sequence: 1, indexID: "i", object: "s3://b/l", state: .processing, chunk: ChunkNumber(1),
            attempts: 1, step: .upload),
        ], next: nil)
    }
    let lines = try await text.items(pages, limit: nil).split(separator: "\n").map {
      $0.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }
    #expect(
      lines == [
        "ITEM STATE STEP ATTEMPTS OBJECT ASSET INDEXED ASSET LAST ANSWER",
        "0 accepted index 2 s3://b/k asset-1 indexed-1", "1 processing upload 1 s3://b/l - -",
      ])
  }

  @Test("a limit holds for every form")
  func limit() async throws {
    let pages = ItemPages(most: 7) { from, limit in
      DetailPage(
        rows: ((from ?? 0)..<((from ?? 0) + limit)).map {
          ItemSummary(
            sequence: $0, indexID: "i", object: "s3://b/k", state: .accepted, chunk: ChunkNumber(0),
            attempts: 1)
        }, next: (from ?? 0) + limit)
    }
    #expect(try await text.items(pages, limit: 7).split(separator: "\n").count == 8)
    var csv = ""
    try await RunCSV.items(pages, to: &csv)
    #expect(csv.split(separator: "\r\n").count == 8)
  }

  @Test("attempts have their times, and one that is under way has none")
  func attemptsAsText() async throws {
    #expect(
      try await text.attempts(attempts, limit: nil) == """
        CHUNK  ATTEMPT  BEGUN                 TOOK  OUTCOME    ANSWER
            3        1  2026-11-23 20:15:05Z    2s  unknown    500 e m
            3        2  2026-11-23 20:15:05Z     -  under way

        """)
  }

  @Test("as JSON and CSV every member is there")
  func machines() async throws {
    var json = ""
    try await DetailJSON.attempts(Samples.run(), attempts, .compact, to: &json)
    #expect(
      json.hasSuffix(
        #","attempts":[{"chunk":3,"attempt":1,"started_at":"2026-11-23T20:15:05.042Z","#
          + #""finished_at":"2026-11-23T20:15:07.042Z","seconds":1.999,"outcome":"unknown","http_status":500,"#
          + #""error_code":"e","message":"m","step":"transfer","external_id":null},{"chunk":3,"attempt":2,"started_at":"2026-11-23T20:15:05.042Z","#
          + #""finished_at":null,"seconds":null,"outcome":null,"http_status":null,"error_code":null,"#
          + #""message":null,"step":"transfer","external_id":null}]}"# + "\n"))
    json = ""
    try await DetailJSON.items(Samples.run(), items(1_234), to: &json)
    let document = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    let rows = try #require(document["items"] as? [[String: Any]])
    #expect(rows.map { $0["item"] as? Int } == Array(0..<1_234))
    #expect(
      Set(rows[0].keys) == [
        "item", "index_id", "object", "state", "chunk", "attempts", "error_code", "message", "step",
        "asset_id", "indexed_asset_id",
      ])
    #expect(rows[0]["step"] is NSNull)
    var csv = ""
    try await RunCSV.items(items(1), to: &csv)
    #expect(csv.split(separator: "\r\n").last?.contains("\"'=x\"") == true)
  }
}

@Suite("what two runs differ in")
struct DifferenceTests {
  private func item(_ number: Int, _ state: ChunkState, index: String = "i") -> ItemSummary {
    ItemSummary(
      sequence: number, indexID: IndexID(index), object: ObjectName("s3://b/\(number)"), state: state,
      chunk: ChunkNumber(0),
      attempts: 1)
  }

  private func difference(_ first: [ItemSummary], _ second: [ItemSummary], parts: Int) -> RunDifference {
    RunDifference(
      parts: (0..<parts).map { part in
        var fold = DifferenceFold(part: part, of: parts)
        for item in first { fold.addFirst(item) }
        for item in second { fold.addSecond(item) }
        return fold.matched
          + fold.missing.map { state, missing in
            RunDifference.Change(from: state, to: nil, items: missing.items, objects: [])
          }
      })
  }

  @Test("every item is counted once, whatever the order and the number of parts", arguments: [1, 3, 16])
  func everyItem(parts: Int) {
    let first = (0..<100).map { item($0, $0 < 90 ? .accepted : .rejected) }
    let second =
      (80..<95).map { item($0, .accepted) }.reversed() + [item(0, .accepted, index: "other")]
    let changes = difference(first, second, parts: parts).changes
    let found = Set(
      changes.map { "\($0.from?.rawValue ?? "-") \($0.to?.rawValue ?? "-") \($0.items)" })
    #expect(
      found == [
        "accepted - 80", "- accepted 1", "rejected - 5", "rejected accepted 5", "accepted accepted 10",
      ])
    #expect(changes.first?.items == 80)
    #expect(changes.last?.isChange == false)
    #expect(difference(first, second, parts: parts).inBoth == 15)
  }

  @Test("the text has both runs, the settings that differ, and examples of what changed")
  func text() {
    var settings = RunSettings()
    settings.chunkSize = 100
    let report = DifferenceReport(
      [Samples.run(), Samples.run { $0.counts = StateCounts(items: [.accepted: 5_000]) }],
      settings: [RunSettings(), settings],
      RunDifference([
        RunDifference.Change(from: .accepted, to: .accepted, items: 4_990, objects: ["s3://b/1"]),
        RunDifference.Change(
          from: .rejected, to: .accepted, items: 9, objects: [ObjectName("s3://b/\(Samples.hostile)")]),
        RunDifference.Change(from: nil, to: .accepted, items: 1, objects: ["s3://b/3"]),
      ]))
    #expect(
      report.text() == """
        first   20261123-201505-042-9222  finished: 4,990 of 5,000 items accepted, 10 rejected
        second  20261123-201505-042-9222  finished: all 5,000 items accepted

        SETTING     FIRST  SECOND
        chunk-size  50     100

        FIRST     SECOND    ITEMS  FOR EXAMPLE
        rejected  accepted      9  s3://b/bad\\x1b[31m\\u{202e}\\nline
        -         accepted      1  s3://b/3
        accepted  accepted  4,990

        4,999 items in both runs; "-" is where a run does not have them

        """)
    #expect(
      report.csv() == "from,to,items\r\nrejected,accepted,9\r\n,accepted,1\r\naccepted,accepted,4990\r\n")
  }
}
