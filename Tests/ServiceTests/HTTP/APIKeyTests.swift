import BatchDomain
import ServiceHTTP
import Testing
import TransfersService

@Suite struct APIKeyTests {
  @Test(arguments: [
    (" \tkey-1\r\n", "key-1"), ("\"key-1\"\n", "key-1"), ("\"key-1", "\"key-1"), ("a==", "a=="),
  ])
  func `white space and a pair of quotes around a key are dropped`(text: String, sent: String) async throws {
    let server = try await ScriptedServer([.readRequest, .send(HTTPAnswer.text(200))])
    _ = try await withClient(server.url, key: text) { await $0.submit(submission()) }
    let raw = String(decoding: try #require(server.requests.entries.first), as: UTF8.self)
    #expect(raw.contains("x-api-key: \(sent)\r\n"))
    try await server.stop()
  }

  @Test(arguments: [
    ("TWELVELABS_API_KEY=tlk_abc123\n", "an assignment, as in an env-file"),
    ("export KEY=\"tlk_abc123\"", "an assignment, as in an env-file"),
    ("'KEY = tlk_abc123'", "an assignment, as in an env-file"), ("{\"api_key\":\"tlk_abc123\"}", "JSON"),
    ("[\"tlk_abc123\"]", "JSON"), ("${tlk_abc123}", "the name of a variable"),
  ])
  func `what has a key in it and is none is refused and named`(text: String, words: String) {
    let error = #expect(throws: ServiceHTTPError.self) { try APIKey(text) }
    #expect(error?.code == .keyInvalid && error?.message == "what should be the API key is \(words)")
    #expect(error?.description.contains("tlk_abc123") == false)
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
