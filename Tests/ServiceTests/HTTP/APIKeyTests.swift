import BatchDomain
import ServiceHTTP
import Testing
import TransfersService

@Suite struct APIKeyTests {
  @Test func `white space around a key is dropped`() async throws {
    let server = try await ScriptedServer([.readRequest, .send(HTTPAnswer.text(200))])
    _ = try await withClient(server.url, key: " \tkey-1\r\n") { await $0.submit(submission()) }
    let raw = String(decoding: try #require(server.requests.entries.first), as: UTF8.self)
    #expect(raw.contains("x-api-key: key-1\r\n"))
    try await server.stop()
  }

  @Test(arguments: ["", " \n", "two words", "a\u{0}b", "schlüssel", "a\r\nX-Evil: 1"])
  func `what cannot stand in a header is refused`(text: String) {
    let error = #expect(throws: ServiceHTTPError.self) { try APIKey(text) }
    #expect(error?.code == .keyInvalid)
  }

  @Test func `no way of printing shows the key`() throws {
    let key = try APIKey(testKey)
    var text = "\(key) \(String(reflecting: key)) \(String(describing: Optional(key)))"
    dump([key], to: &text)
    dump(Scrubber(key: key), to: &text)
    dump(
      ServiceEndpoint(baseURL: "", key: key, userAgent: ""),
      to: &text)
    #expect(!text.contains(testKey))
    #expect(!text.contains("\(Array(testKey.utf8)[0])"))
  }
}
