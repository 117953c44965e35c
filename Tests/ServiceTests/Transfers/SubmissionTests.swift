import BatchDomain
import ServiceHTTP
import Testing
import TransfersService

@Suite(.timeLimit(.minutes(10)))
struct SubmissionTests {
  @Test func `the request on the wire is exactly as documented`() async throws {
    let server = try await ScriptedServer([.readRequest, .send(HTTPAnswer.text(200, "{}"))])
    _ = try await withClient(server.url) { await $0.submit(submission()) }
    let raw = String(decoding: try #require(server.requests.entries.first), as: UTF8.self)
    let split = try #require(raw.firstRange(of: "\r\n\r\n"))
    let head = raw[..<split.lowerBound].split(separator: "\r\n").map(String.init)
    let body = raw[split.upperBound...]
    let expected =
      "------chunk-000017\r\n"
      + "Content-Disposition: form-data; name=\"file\"; filename=\"chunk-000017.json\"\r\n"
      + "Content-Type: application/json\r\n\r\n\(sampleContent)\r\n------chunk-000017--\r\n"
    #expect(body == expected)
    #expect(head.first == "POST /v1/indexes/tasks/transfers HTTP/1.1")
    #expect(
      Set(head.dropFirst().map { $0.lowercased() }) == [
        "x-api-key: \(testKey.lowercased())",
        "content-type: multipart/form-data; boundary=----chunk-000017",
        "user-agent: orchestrate/0.0.0-test", "accept: application/json",
        "accept-encoding: identity", "host: 127.0.0.1:\(server.port)",
        "content-length: \(expected.utf8.count)",
      ])
    #expect(head.contains { $0.hasSuffix(testKey) })
    try await server.stop()
  }

  @Test(arguments: [
    (ServiceProfile.v1, "/v1/indexes/tasks/transfers"), (.v1_1, "/v1.1/tasks/transfers"),
    (.v1_2, "/v1.2/tasks/transfers"),
  ])
  func `each version has its own path, below the base address`(profile: ServiceProfile, path: String)
    async throws
  {
    let server = try await ScriptedServer([.readRequest, .send(HTTPAnswer.text(204))])
    let exchange = try await withClient(server.url + "/p", profile: profile) { await $0.submit(submission()) }
    #expect(exchange.answer?.status == 204)
    let raw = String(decoding: try #require(server.requests.entries.first), as: UTF8.self)
    #expect(raw.hasPrefix("POST /p\(path) HTTP/1.1\r\n"))
    try await server.stop()
  }

  @Test func `a large chunk arrives byte for byte`() async throws {
    let server = try await ScriptedServer([.readRequest, .send(HTTPAnswer.text(200))])
    let content = (0..<60_000).map { "\($0)" }.joined(separator: ",")
    let exchange = try await withClient(server.url) { await $0.submit(submission(content: content)) }
    #expect(exchange.answer?.status == 200)
    let raw = try #require(server.requests.entries.first)
    #expect(MultipartReader.filePart(of: raw) == Array(content.utf8))
    try await server.stop()
  }

  @Test func `an empty part arrives as one`() async throws {
    let server = try await ScriptedServer([.readRequest, .send(HTTPAnswer.text(200))])
    _ = try await withClient(server.url) { await $0.submit(submission(content: "")) }
    let raw = try #require(server.requests.entries.first)
    #expect(MultipartReader.filePart(of: raw) == [])
    try await server.stop()
  }

  @Test(arguments: [301, 302, 303, 307, 308])
  func `a redirect is an answer, and the key goes nowhere else`(status: Int) async throws {
    let other = try await ScriptedServer()
    let server = try await ScriptedServer([
      .readRequest,
      .send(HTTPAnswer.text(status, headers: ["Location: \(other.url)/v1/indexes/tasks/transfers"])),
    ])
    let exchange = try await withClient(server.url) { await $0.submit(submission()) }
    #expect(exchange.answer?.status == status)
    #expect(TransferOutcomes.outcome(of: exchange) == .endpoint)
    #expect(other.connections.entries.isEmpty)
    #expect(server.requests.entries.count == 1)
    try await server.stop()
    try await other.stop()
  }

  @Test func `an early refusal is an answer although the request was not read`() async throws {
    let server = try await ScriptedServer([
      .read(bytes: 1_000), .send(HTTPAnswer.text(413, #"{"code":"too_large","message":"no"}"#)),
    ])
    let exchange = try await withClient(server.url) { await $0.submit(largeSubmission()) }
    #expect(exchange.answer?.status == 413)
    #expect(exchange.answer?.code == "too_large")
    try await server.stop()
  }
}
