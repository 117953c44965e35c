import BatchDomain
import Testing

@testable import Reporting

@Suite("runs as CSV")
struct RunCSVTests {
  @Test(arguments: [
    ("plain", "plain"), ("", ""), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("=1+1", "\"'=1+1\""),
    ("+1", "\"'+1\""),
    ("-1", "\"'-1\""), ("@x", "\"'@x\""), ("\tx", "\"'\\tx\""), ("\rx", "\"'\\rx\""),
    ("a\r\nb", "\"a\\r\\nb\""),
    ("\u{1b}[2J", "\"\\x1b[2J\""), ("=a\"b", "\"'=a\"\"b\""), ("a\"\u{301},", "\"a\"\"\u{301},\""),
  ])
  func cellIsQuotedAndHarmless(value: String, cell: String) {
    #expect(CSVWriter.cell(value) == cell)
  }

  @Test func historyHasOneRecordPerRun() async throws {
    var text = ""
    try await RunCSV.history(Samples.pages([Samples.run { $0.name = "=cmd()" }]), to: &text)
    let lines = text.split(separator: "\r\n")
    #expect(lines.count == 2)
    #expect(
      lines[0].hasPrefix("run_id,name,job,state,reason,created_at,finished_at,manifest,items,repeated,"))
    #expect(
      lines[1].hasPrefix(
        "20261123-201505-042-9222,\"'=cmd()\",nightly,finished,,2026-11-23T20:15:05.042Z,2026-11-23T21:45:05.042Z,"
          + "videos.json,5000,3,104,1234.5,0,0,0,0,4990,10,0,0,0,0,0,0,99,1,0,0,0"))
    #expect(lines[0].split(separator: ",").count == 29)
  }

  @Test(arguments: [0, 1, 500, 1_201])
  func reportHasOneRecordPerChunk(count: Int) async throws {
    var text = ""
    try await RunCSV.report(Samples.pages(Samples.chunks(count)), to: &text)
    let lines = text.split(separator: "\r\n")
    #expect(lines.count == count + 1)
    #expect(lines[0] == "chunk,first_item,item_count,state,attempts,http_status,error_code,message")
    if count > 0 { #expect(lines[1] == "0,0,50,accepted,1,200,,") }
  }
}
