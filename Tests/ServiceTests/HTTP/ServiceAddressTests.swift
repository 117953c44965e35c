import BatchDomain
import ServiceHTTP
import Testing
import TransfersService

@Suite struct ServiceAddressTests {
  @Test(arguments: [
    ("https://api.twelvelabs.io", "https://api.twelvelabs.io"),
    ("https://api.twelvelabs.io/", "https://api.twelvelabs.io"),
    ("HTTPS://API.TwelveLabs.io/P//", "https://api.twelvelabs.io/P"), ("https://h:443/", "https://h"),
    ("https://h:8443/a/b/", "https://h:8443/a/b"), ("https://10.0.0.1", "https://10.0.0.1"),
    ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("http://127.255.0.9", "http://127.255.0.9"), ("http://[::1]:80/", "http://[::1]"),
    ("http://localhost:9", "http://localhost:9"), ("http://LOCALHOST", "http://localhost"),
  ])
  func `an address is taken`(text: String, expected: String) throws {
    #expect(try ServiceAddress(text).baseURL == expected)
  }

  @Test(arguments: [
    "", "api.twelvelabs.io", "https://", "https:///v1", "ftp://h", "http://api.twelvelabs.io",
    "http://128.0.0.1",
    "http://127.0.0.1.evil.example", "http://127.1", "http://127.0.0.256", "http://localhost.evil.example",
    "http://[::2]", "https://user@h", "https://user:pa55@h", "http://localhost@evil.example", "https://h?x=1",
    "https://h/#f", "https://h/a?sig=s3cret", "https://h:0", "https://h:65536", "https://h:", "https://h:8x",
    "https://a b", " https://h", "https://h\n", "https://[::1", "https://[zz]", "https://[::1]x",
    "https://h\\x",
    "https://hé", "https://h:1:2", "https://[127.0.0.1]",
  ])
  func `anything else is refused without repeating it`(text: String) {
    let error = #expect(throws: ServiceHTTPError.self) { try ServiceAddress(text) }
    #expect(error?.code == .baseURLInvalid)
    #expect(error?.message.hasPrefix("the service's address ") == true)
    #expect(error?.description.contains("pa55") == false)
    #expect(error?.description.contains("s3cret") == false)
  }
}

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
