import Foundation
import Testing

@testable import TransferSimulator

/// The small pieces that the rest is made of.
struct PartsTests {
  @Test(arguments: [
    (Int64(0), "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_399_999, "Sun, 28 Feb 2100 23:59:59 GMT"),
  ])
  func datesAreWrittenForHTTP(milliseconds: Int64, text: String) {
    #expect(TimeText.http(milliseconds) == text)
  }

  @Test(arguments: [
    (Int64(1_654_750_200_879), "2022-06-09T04:50:00.879Z"), (1_654_750_201_620, "2022-06-09T04:50:01.62Z"),
    (1_654_750_229_000, "2022-06-09T04:50:29Z"), (1_654_750_229_005, "2022-06-09T04:50:29.005Z"),
  ])
  func fractionsLoseTheirZeros(milliseconds: Int64, text: String) {
    #expect(TimeText.rfc3339(milliseconds) == text)
  }

  @Test(arguments: [
    ("500ms", Duration.milliseconds(500)), ("30s", .seconds(30)), ("1h30m", .seconds(5400)),
    ("1d", .seconds(86400)),
  ])
  func durationsAreRead(text: String, duration: Duration) {
    #expect(Duration(text: text) == duration)
  }

  @Test(arguments: ["", "5", "s", "1x", "-1s", "1.5s", "99999999999999999999s"])
  func oddDurationsAreRefused(text: String) {
    #expect(Duration(text: text) == nil)
  }

  @Test func multipartIsReadWithPreambleQuotesAndForeignParts() throws {
    let body =
      "preamble\r\n--a b\r\nContent-Type: multipart/form-data\r\n"
      + "content-disposition: form-data; name=\"file\"; filename=\"a;\\\"b\\\".json\"\r\n\r\nx\r\n--a\r\n"
      + "\r\n--a b\r\nContent-Disposition: form-data; name=plain\r\n\r\n\r\n--a b--\r\nepilogue"
    let form = try #require(
      MultipartForm(contentType: "Multipart/Form-Data; charset=x; boundary=\"a b\"", body: Data(body.utf8)))
    #expect(form.text("file") == "x\r\n--a\r\n")
    #expect(form["file"]?.filename == "a;\"b\".json")
    #expect(form.text("plain") == "")
    #expect(form["other"] == nil)
  }

  @Test(arguments: [
    "--b\r\n\r\nx\r\n--b--", "--b\r\nContent-Disposition: form-data; name=file\r\n\r\nx", "x",
  ])
  func brokenMultipartIsRefused(body: String) {
    #expect(MultipartForm(contentType: "multipart/form-data; boundary=b", body: Data(body.utf8)) == nil)
  }

  @Test func budgetTextIsRead() {
    #expect(RequestBudget(text: "60/1m") == RequestBudget(limit: 60, window: .seconds(60)))
    for text in ["60", "0/1m", "x/1m", "60/0s", "60/1m/2"] { #expect(RequestBudget(text: text) == nil) }
  }

  @Test func queryIsDecoded() {
    let query = QueryString("filename=a%20b+c.mp4&status=ready&status=failed&flag")
    #expect(query["filename"] == "a b c.mp4")
    #expect(query.all("status") == ["ready", "failed"])
    #expect(query["flag"] == "")
    #expect(query["none"] == nil)
  }

  @Test func manualClockWakesSleepersAndNoticesCancellation() async throws {
    let clock = ManualSimulatorClock()
    let early = Task { try await clock.sleep(for: .seconds(1)) }
    let late = Task { try await clock.sleep(for: .seconds(2)) }
    try await clock.waitForSleepers(2)
    clock.advance(by: .seconds(1))
    try await early.value
    late.cancel()
    await #expect(throws: CancellationError.self) { try await late.value }
  }
}
