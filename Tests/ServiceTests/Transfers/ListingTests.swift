import BatchDomain
import ServiceHTTP
import Testing
import TransfersService

@Suite(.timeLimit(.minutes(10)))
struct ListingTests {
  private static let index = IndexID("62a0906d47f5678267ec10a6")
  private static let page = """
    {"data": [
      {"_id": "a1", "index_id": "i1", "created_at": "2022-06-09T04:50:00.879Z", "metadata": {"filename": "01.mp4"}},
      {"_id": "a2", "created_at": "2022-06-09T04:50:01Z", "system_metadata": {"filename": "02.mp4"}},
      {"_id": "a3", "created_at": "yesterday", "metadata": {}}, {"_id": "a4"}
    ], "page_info": {"total_page": 0}}
    """

  private func failure(
    _ server: ScriptedServer, clock: TimeOutClock = TimeOutClock(), key: String = testKey
  ) async throws -> ListingFailure? {
    try await failure(at: server.url, clock: clock, key: key)
  }

  private func failure(
    at url: String, clock: TimeOutClock = TimeOutClock(), key: String = testKey
  ) async throws -> ListingFailure? {
    try await withClient(url, key: key, clock: clock) { service in
      do throws(ListingFailure) {
        _ = try await service.listTasks(index: Self.index, page: 1)
        return nil
      } catch {
        return error
      }
    }
  }

  @Test(arguments: [
    (ServiceProfile.v1, "/v1/indexes/tasks", 100), (.v1_1, "/v1.1/tasks", 50), (.v1_2, "/v1.2/tasks", 50),
  ])
  func `a page is asked for and read`(profile: ServiceProfile, path: String, limit: Int) async throws {
    let server = try await ScriptedServer([.readRequest, .send(HTTPAnswer.text(200, Self.page))])
    let listed = try await withClient(server.url, profile: profile) { service in
      #expect(service.pageLimit == limit)
      return try await service.listTasks(index: IndexID("a b&c=d/é"), page: 3)
    }
    #expect(
      listed.rows == [
        TaskRow(
          id: "a1", index: "i1", fileName: "01.mp4", createdAt: Timestamp(milliseconds: 1_654_750_200_879)),
        TaskRow(id: "a2", fileName: "02.mp4", createdAt: Timestamp(milliseconds: 1_654_750_201_000)),
        TaskRow(id: "a3", fileName: nil, createdAt: nil), TaskRow(id: "a4", fileName: nil, createdAt: nil),
      ])
    #expect(listed.lastPage == nil, "zeros say nothing")
    let raw = String(decoding: try #require(server.requests.entries.first), as: UTF8.self)
    let query =
      "index_id=a%20b%26c%3Dd%2F%C3%A9&page=3&page_limit=\(limit)&sort_by=created_at&sort_option=desc"
    #expect(raw.hasPrefix("GET \(path)?\(query) HTTP/1.1\r\n"))
    #expect(raw.contains(": \(testKey)\r\n"))
    try await server.stop()
  }

  @Test(arguments: [
    (#""total_page": 3"#, 3), (#""total_page": 0"#, nil), (#""total_page": -1"#, nil),
    (#""total_page": "3""#, nil), (#""total_page": null"#, nil), (#""page": 1"#, nil),
    (#""total_page": 99999999999999999999"#, nil),
  ])
  func `how many pages there are is read where it is said`(member: String, last: Int?) throws {
    let body = "{\"data\": [], \"page_info\": {\(member)}}"
    let page = try TaskPageDecoder(key: try APIKey(testKey)).page(Array(body.utf8))
    #expect(page == TaskListPage([], lastPage: last))
  }

  @Test func `the listing has its own time-out`() async throws {
    let server = try await ScriptedServer([.readRequest])
    let clock = TimeOutClock()
    async let failure = failure(server, clock: clock)
    await server.requests.wait(for: 1)
    clock.ring()
    guard case .transport(let transport) = try await failure else {
      Issue.record("no transport failure")
      return
    }
    #expect(transport.code == "timeout")
    #expect(transport.progress == .maybeWritten)
    #expect(clock.lengths == [.seconds(30)])
    try await server.stop()
  }

  @Test func `nobody listening is a transport failure`() async throws {
    let found = try await UnansweredPort.during { try await failure(at: "http://127.0.0.1:\($0)") }
    guard case .transport(let transport) = found else {
      Issue.record("no transport failure")
      return
    }
    #expect(transport.code == "connect_refused")
    #expect(transport.progress == .notWritten)
  }

  @Test func `a page that breaks off is a transport failure`() async throws {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"data\": []"
    let server = try await ScriptedServer([.readRequest, .send(head), .close])
    guard case .transport(let transport) = try await failure(server) else {
      Issue.record("no transport failure")
      return
    }
    #expect(transport.code == "closed")
    try await server.stop()
  }

  @Test(arguments: [
    HTTPAnswer.text(404, #"{"code":"api_upgrade_required","message":"gone"}"#), HTTPAnswer.text(204),
    HTTPAnswer.text(307, headers: ["Location: https://elsewhere.invalid/"]),
    HTTPAnswer.text(200, "please log in", type: "text/html"), HTTPAnswer.text(500, "oops", type: nil),
  ])
  func `anything but a page is refused as it is`(answer: String) async throws {
    let server = try await ScriptedServer([.readRequest, .send(answer)])
    guard case .refused(let refusal) = try await failure(server) else {
      Issue.record("not refused")
      return
    }
    #expect(answer.hasPrefix("HTTP/1.1 \(refusal.status) "))
    #expect(refusal.code != PageReader.unreadableCode)
    try await server.stop()
  }

  @Test(arguments: [
    "", "[]", "not JSON", #"{"data": null}"#, #"{"data": {}}"#, #"{"rows": []}"#, #"{"data": [{"id": "x"}]}"#,
    #"{"data": [{"_id": "a"}, {"_id": 7}]}"#, #"{"data": [{"_id": "a"}, null]}"#, #"{"data": [{"_id": ""}]}"#,
    "{\"data\": [{\"_id\": \"a\", \"metadata\": {\"filename\": \"\(testKey)\"}}]}",
  ])
  func `a page with anything unreadable is refused whole`(body: String) async throws {
    let server = try await ScriptedServer([.readRequest, .send(HTTPAnswer.text(200, body))])
    let failure = try await failure(server)
    guard case .refused(let refusal) = failure else {
      Issue.record("not refused")
      return
    }
    #expect(refusal.status == 200)
    #expect(refusal.code == "listing_unreadable")
    #expect(!"\(refusal)".contains(testKey))
    try await server.stop()
  }

  @Test(arguments: ["text/html; charset=utf-8", "text/plain", nil])
  func `a list is read whatever media type it is sent as`(type: String?) async throws {
    let answer = HTTPAnswer.text(200, #"{"data": [{"_id": "a"}]}"#, type: type)
    let server = try await ScriptedServer([.readRequest, .send(answer)])
    #expect(try await failure(server) == nil)
    try await server.stop()
  }

  @Test func `a short stand-in key may be part of file names`() async throws {
    let body = #"{"data": [{"_id": "a", "metadata": {"filename": "demo-1.mp4"}}]}"#
    let server = try await ScriptedServer([.readRequest, .send(HTTPAnswer.text(200, body))])
    #expect(try await failure(server, key: "demo") == nil)
    try await server.stop()
  }

  @Test func `a page of unreasonable length is refused`() async throws {
    let endless = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    let server = try await ScriptedServer([.readRequest, .send(endless), .flood])
    guard case .refused(let refusal) = try await failure(server) else {
      Issue.record("not refused")
      return
    }
    #expect(refusal.code == "listing_unreadable")
    await server.closings.wait(for: 1)
    try await server.stop()
  }
}
