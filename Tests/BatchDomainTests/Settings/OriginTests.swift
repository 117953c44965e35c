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
