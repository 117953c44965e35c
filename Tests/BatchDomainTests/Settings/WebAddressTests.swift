import BatchDomain
import Testing

@Suite("One service, several spellings")
struct OriginTests {
  @Test(
    "spellings of one address are one service",
    arguments: [
      ["https://api.twelvelabs.io", "HTTPS://API.TwelveLabs.io", "https://api.twelvelabs.io:443"],
      ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080", "http://LOCALHOST:8080"],
      ["http://localhost", "http://127.0.0.1:80", "http://[::1]", "http://[0:0:0:0:0:0:0:1]:80"],
    ])
  func same(addresses: [String]) {
    #expect(Set(addresses.map { Origin.of($0) }).count == 1)
    #expect(Set(addresses.map { Origin.canonical($0 + "/Path/v1") }).count == 1)
  }

  @Test("other schemes, hosts and ports are other services, and paths have case")
  func different() {
    let addresses = [
      "https://api.twelvelabs.io", "https://api.twelvelabs.io:8443", "https://api.example.com",
      "http://localhost:8080", "https://localhost:8080", "http://localhost:8081", "http://127.0.0.2:8080",
      "http://[::2]:8080", "https://localhost.example.com:8080",
    ]
    #expect(Set(addresses.map { Origin.of($0) }).count == addresses.count)
    #expect(Origin.canonical("https://a.example/v1") != Origin.canonical("https://a.example/V1"))
    #expect(Origin.of("https://a.example/v1") == "https://a.example")
  }
}

@Suite("Addresses")
struct WebAddressTests {
  @Test(arguments: [
    ("https://api.twelvelabs.io", "https://api.twelvelabs.io"),
    ("HTTPS://API.TwelveLabs.io:443//", "https://api.twelvelabs.io"),
    ("https://api.twelvelabs.io/", "https://api.twelvelabs.io"),
    ("HTTPS://API.TwelveLabs.io/P//", "https://api.twelvelabs.io/P"), ("https://h:443/", "https://h"),
    ("https://h:8443/a/b/", "https://h:8443/a/b"), ("https://10.0.0.1", "https://10.0.0.1"),
    ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"), ("http://127.255.0.9", "http://127.255.0.9"),
    ("http://localhost", "http://localhost"), ("http://LOCALHOST:9", "http://localhost:9"),
    ("http://[::1]:80/", "http://[::1]"), ("https://proxy.example/Labs/", "https://proxy.example/Labs"),
    ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
    ("https://[::ffff:10.0.0.1]", "https://[::ffff:10.0.0.1]"),
    ("https://[1:2:3:4:5:6:7:8]", "https://[1:2:3:4:5:6:7:8]"),
  ])
  func addressIsBroughtToOneForm(text: String, form: String) throws {
    #expect(try BaseURLText.parse(text, for: "--base-url") == form)
  }

  @Test(arguments: [
    "", "api.twelvelabs.io", "ftp://x", "https://", "https:///v1", "https://user:s3cret@host",
    "https://user@h",
    "https://host?x=1", "https://h/a?sig=s3cret", "https://host#f", "https://h/#f",
    "http://api.twelvelabs.io",
    "http://127.0.0.1.evil.example", "http://localhost.evil.example", "http://localhost@evil.example",
    "http://128.0.0.1", "http://127.0.0.256", "https://ho st", " https://h", "https://h\n", "https://host:0",
    "https://host:99999", "https://h:65536", "https://host:", "https://h:8x", "https://h:1:2",
    "https://host/a/../b", "https://a..b", "https://host\\@evil", "https://h\\x", "https://hőst",
    "http://127.1", "http://[::2]", "https://[::1", "https://[zz]", "https://[::1]x", "https://[127.0.0.1]",
    "https://[1:2:3:4:5:6:7]", "https://[1::2::3]", "https://[12345::]", "https://host/a\u{0}b",
    "https://host/<a>",
  ])
  func addressThatWouldNotBeSafeIsRefused(text: String) {
    let error = #expect(throws: ConfigurationError.self) { try BaseURLText.parse(text, for: "--base-url") }
    #expect(error?.description.contains("s3cret") == false)
    #expect(error?.remedy?.description.contains("https://") == true)
  }

  @Test(
    "which hosts are this machine, and which are no names",
    arguments: [
      ("localhost", true, false), ("127.0.0.1", true, true), ("127.9.9.9", true, true),
      ("[::1]", true, false),
      ("::1", true, true), ("0:0:0:0:0:0:0:1", true, true), ("128.0.0.1", false, true),
      ("127.1", false, false),
      ("::2", false, true), ("localhost.example", false, false), ("127.0.0.1.example", false, false),
    ])
  func hosts(host: String, isThisMachine: Bool, isNumeric: Bool) {
    #expect(WebAddress.isThisMachine(host) == isThisMachine)
    #expect(WebAddress.isNumeric(host) == isNumeric)
  }
}
