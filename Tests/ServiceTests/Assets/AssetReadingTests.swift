import AssetsService
import BatchDomain
import ServiceHTTP
import Testing

/// Requests that only read: how they stand on the wire, and what is read out of a page.
@Suite(.timeLimit(.minutes(10)))
struct AssetReadingTests {
  /// Sends one request to a server that answers so.
  private func read<Value>(
    _ answer: String, _ body: (AssetsHTTP) async throws(ListingFailure) -> Value
  ) async throws -> (target: String, result: Result<Value, ListingFailure>) {
    let server = try await ScriptedServer([.readRequest, .send(answer)])
    let result = try await withAssets(server.url) { service in
      do throws(ListingFailure) {
        return Result<Value, ListingFailure>.success(try await body(service))
      } catch {
        return .failure(error)
      }
    }
    let request = String(decoding: try #require(server.requests.entries.first), as: UTF8.self)
    try await server.stop()
    let line = try #require(request.split(separator: "\r\n").first)
    return (String(line), result)
  }

  private let page = """
    {"data":[
      {"_id":"a3","method":"url","status":"processing","filename":"03.mp4","created_at":"2026-11-26T22:00:02Z"},
      {"_id":"a2","status":"failed","filename":"02.mp4","created_at":"2026-11-26T22:00:01.5Z",
       "error":{"message":"cannot read https://u:p@h/x?X-Amz-Signature=abcdef"},"user_metadata":{}},
      {"_id":"a1","status":"ready","filename":"01.mp4","file_type":"video/mp4","size":123,"duration":61.25,
       "created_at":"2026-11-26T22:00:00Z",
       "user_metadata":{"orchestrate_item":"t1","orchestrate_run":"r1","other":[1,2]}},
      {"_id":"a0"}
    ],"page_info":{"limit_per_page":50,"page":1,"total_page":0,"total_results":9}}
    """

  @Test func `assets are asked for by their ids`() async throws {
    let (line, result) = try await read(HTTPAnswer.text(200, page)) {
      service throws(ListingFailure) in try await service.assets(ids: ["a1", "a/2"])
    }
    #expect(line == "GET /v1.3/assets?asset_ids=a1&asset_ids=a%2F2&page=1&page_limit=50 HTTP/1.1")
    let start = Timestamp(milliseconds: 1_795_730_400_000)
    #expect(
      try result.get() == [
        AssetRow(
          id: "a3", status: "processing", fileName: "03.mp4", createdAt: start + .seconds(2)),
        AssetRow(
          id: "a2", status: "failed", fileName: "02.mp4", createdAt: start + .milliseconds(1_500),
          message: "cannot read https://[removed]@h/x?X-Amz-Signature=[removed]"),
        AssetRow(
          id: "a1", status: "ready", fileName: "01.mp4", createdAt: start, duration: .milliseconds(61_250),
          hasMetadata: true, item: "t1", run: "r1"),
        AssetRow(id: "a0", status: nil),
      ])
  }

  @Test func `a page of the list is asked for, with a file name or without`() async throws {
    let plain = try await read(HTTPAnswer.text(200, page)) {
      service throws(ListingFailure) in try await service.assets(page: 3, limit: 50, fileName: nil)
    }
    #expect(plain.target == "GET /v1.3/assets?page=3&page_limit=50 HTTP/1.1")
    let named = try await read(HTTPAnswer.text(200, page)) {
      service throws(ListingFailure) in
      try await service.assets(page: 1, limit: 1, fileName: "a&b=é.mp4")
    }
    #expect(named.target == "GET /v1.3/assets?filename=a%26b%3D%C3%A9.mp4&page=1&page_limit=1 HTTP/1.1")
  }

  @Test func `a page says how many pages the list has, unless that is zero`() async throws {
    let body = #"{"data":[],"page_info":{"total_page":4}}"#
    let empty = try await read(HTTPAnswer.text(200, body)) {
      service throws(ListingFailure) in try await service.assets(page: 2, limit: 50, fileName: nil)
    }
    #expect(try empty.result.get() == ListPage([], lastPage: 4))
    let zero = try await read(HTTPAnswer.text(200, page)) {
      service throws(ListingFailure) in try await service.assets(page: 1, limit: 50, fileName: nil)
    }
    #expect(try zero.result.get().lastPage == nil)
  }

  @Test func `indexed assets are asked for by asset and by index`() async throws {
    let body = #"{"data":[{"_id":"x1","index":{"_id":"i1","name":"n"}}]}"#
    let ofAsset = try await read(HTTPAnswer.text(200, body)) {
      service throws(ListingFailure) in try await service.indexedAssets(of: "a1", page: 2)
    }
    #expect(ofAsset.target == "GET /v1.3/assets/a1/indexed-assets?page=2&page_limit=50 HTTP/1.1")
    #expect(try ofAsset.result.get().rows == [IndexedAssetRow(id: "x1", index: "i1")])
    let list =
      #"{"data":[{"_id":"x1","asset_id":"a1","created_at":"2026-11-26T22:00:00Z","status":"ready"}]}"#
    let ofIndex = try await read(HTTPAnswer.text(200, list)) {
      service throws(ListingFailure) in try await service.indexedAssets(in: "i1", page: 1)
    }
    #expect(
      ofIndex.target
        == "GET /v1.3/indexes/i1/indexed-assets?page=1&page_limit=50&sort_by=created_at&sort_option=desc HTTP/1.1"
    )
    #expect(
      try ofIndex.result.get().rows == [
        IndexedAssetRow(
          id: "x1", asset: "a1", createdAt: Timestamp(milliseconds: 1_795_730_400_000), status: "ready")
      ])
  }

  private func reason(_ body: String) async throws -> String? {
    let (_, result) = try await read(HTTPAnswer.text(200, body)) {
      service throws(ListingFailure) in try await service.indexedAsset("x1", in: "i1")
    }
    return try result.get().reason
  }

  @Test func `what is documented nowhere is the reason of what failed, where no member is known to say it`()
    async throws
  {
    let failed = #""_id":"x1","status":"failed","updated_at":"2026-11-26","user_metadata":{"a":"b"}"#
    let cause = #""cause":{"n":1e999,"text":"no \"audio\""}"#
    #expect(
      try await reason(#"{\#(failed),"stage":"probe",\#(cause),"detail":null}"#)
        == #"{\#(cause),"stage":"probe"}"#)
    let url = "https://h/x?X-Amz-Signature="
    #expect(
      try await reason(#"{\#(failed),"url":"\#(url)abcdef","key":"\#(testKey)"}"#)
        == #"{"key":"[removed]","url":"\#(url)[removed]"}"#)
    #expect(try await reason(#"{\#(failed),"stage":"probe","error":{"code":"c","message":"m"}}"#) == "m")
    #expect(try await reason(#"{\#(failed),"error":"","cause":{"text":null},"causes":[{}]}"#) == nil)
    #expect(try await reason(#"{"_id":"x1","status":"ready","stage":"probe"}"#) == nil)
    // A row of a list is not all that the service says of it, and leaves the reason to be asked for.
    let (_, list) = try await read(HTTPAnswer.text(200, #"{"data":[{\#(failed),"stage":"probe"}]}"#)) {
      service throws(ListingFailure) in try await service.indexedAssets(in: "i1", page: 1)
    }
    #expect(try list.get().rows.map(\.reason) == [nil])
  }

  @Test(arguments: ["", "."])
  func `such a reason is kept up to 2 KiB of whole characters`(shift: String) async throws {
    let cause = #"{"cause":"\#(shift)"# + String(repeating: "é", count: 5_000) + #""}"#
    let body = #"{"_id":"x1","status":"failed","# + cause.dropFirst()
    let reason = try #require(try await reason(body))
    #expect(cause.hasPrefix(reason))
    #expect((2_047...2_048).contains(reason.utf8.count))
  }

  @Test func `an index is described`() async throws {
    let body = """
      {"_id":"i1","index_name":"n","models":[{"model_name":"marengo3.0","model_options":["visual"]}],
       "video_count":12,"total_duration":3600,"expires_at":"2027-02-26T00:00:00Z"}
      """
    let (line, result) = try await read(HTTPAnswer.text(200, body)) {
      service throws(ListingFailure) in try await service.index("i1")
    }
    #expect(line == "GET /v1.3/indexes/i1 HTTP/1.1")
    #expect(
      try result.get()
        == IndexDescription(
          models: ["marengo3.0"], videoCount: 12, totalDuration: .seconds(3_600),
          expiresAt: Timestamp(milliseconds: 1_803_600_000_000)))
  }

  @Test(arguments: [
    "", "[]", "not JSON", #"{"data":null}"#, #"{"rows":[]}"#, #"{"data":[{"id":"x"}]}"#,
    #"{"data":[{"_id":"a"},null]}"#, #"{"data":[{"_id":""}]}"#, "{\"data\":[{\"_id\":\"\(testKey)\"}]}",
  ])
  func `a page with anything unreadable is refused whole`(body: String) async throws {
    let (_, result) = try await read(HTTPAnswer.text(200, body)) {
      service throws(ListingFailure) in try await service.assets(page: 1, limit: 50, fileName: nil)
    }
    guard case .failure(.refused(let refusal)) = result else {
      Issue.record("not refused")
      return
    }
    #expect(refusal.code == PageReader.unreadableCode)
    #expect(!"\(refusal)".contains(testKey))
  }

  @Test func `a wait of the limit on requests is read, one of the limit on media is not`() async throws {
    for (limit, wait) in [("Request", .seconds(60)), ("Duration", nil)] as [(String, Duration?)] {
      let headers = ["X-RateLimit-\(limit)-Remaining: 0", "X-RateLimit-\(limit)-Reset: 60"]
      let (_, result) = try await read(HTTPAnswer.text(429, "{}", headers: headers)) {
        service throws(ListingFailure) in try await service.assets(page: 1, limit: 50, fileName: nil)
      }
      guard case .failure(.refused(let refusal)) = result else {
        Issue.record("not refused")
        return
      }
      #expect(refusal.status == 429 && refusal.wait == wait)
    }
  }

  @Test func `anything but a page is refused as it is`() async throws {
    let (_, result) = try await read(HTTPAnswer.text(404, #"{"error":{"code":"not_found","message":"m"}}"#)) {
      service throws(ListingFailure) in try await service.index("i1")
    }
    #expect(
      result
        == .failure(
          .refused(
            Answer(
              status: 404, code: "not_found", message: "m", mediaType: "application/json", body: .json))))
  }
}
