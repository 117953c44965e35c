import BatchDomain
import Foundation
import TestSupport
import Testing

@testable import ServiceHTTP

@Suite struct ServiceRouteTests {
  private static let service = "https://api.service.example"

  private func proxy(
    _ environment: [String: String], to baseURL: String = service
  ) throws -> String? {
    try ServiceRoute(to: baseURL, environment: environment).proxy?.description
  }

  @Test(arguments: [
    ("http://proxy.example:3128", "proxy.example:3128"), ("proxy.example:3128", "proxy.example:3128"),
    ("HTTP://Proxy.Example:3128/", "proxy.example:3128"), ("http://proxy.example", "proxy.example:80"),
    ("http://10.0.0.1:8080", "10.0.0.1:8080"), ("http://[2001:db8::1]:8080", "[2001:db8::1]:8080"),
    ("http://[2001:db8::1]", "[2001:db8::1]:80"), ("http://user:pa%40ss@proxy:1", "proxy:1"),
    ("http://user@proxy:1", "proxy:1"), ("", nil),
  ])
  func `a proxy is read`(text: String, expected: String?) throws {
    #expect(try proxy(["HTTPS_PROXY": text]) == expected)
  }

  @Test func `the small spelling wins, and an empty one is not set`() throws {
    #expect(try proxy(["HTTPS_PROXY": "http://a", "https_proxy": "http://b"]) == "b:80")
    #expect(try proxy(["HTTPS_PROXY": "http://a", "https_proxy": ""]) == "a:80")
    #expect(try proxy(["HTTPS_PROXY": "a", "no_proxy": "other", "NO_PROXY": "*"]) == "a:80")
    #expect(try proxy(["HTTP_PROXY": "a", "http_proxy": "a", "ALL_PROXY": "a"]) == nil)
  }

  @Test(arguments: [
    ("user:pa%40ss", "user", "pa@ss"), ("user", "user", ""), ("user:", "user", ""),
    ("u%20r:a:b", "u r", "a:b"),
    ("u@corp:x", "u@corp", "x"), ("%C3%A9:%e2%82%AC", "é", "€"),
  ])
  func `credentials are decoded`(userInfo: String, user: String, password: String) throws {
    let route = try ServiceRoute(
      to: Self.service, environment: ["HTTPS_PROXY": "http://\(userInfo)@proxy:1"])
    #expect(route.proxy?.credentials?.user == user)
    #expect(route.proxy?.credentials?.password == password)
  }

  @Test(arguments: [
    "https://s3cret@proxy:1", "socks5://s3cret@proxy:1", "http://", "http://proxy:0", "http://proxy:65536",
    "http://proxy:", "http://proxy:port", "http://s3cret:pw@", "http://:s3cret@proxy:1",
    "http://%zz:s3cret@proxy",
    "http://u:%0as3cret@proxy", "http://u%3As3cret:p@proxy", "http://u:%ffs3cret@proxy",
    "http://u:%s3cret@proxy",
    "http://pro xy:1", "http://proxy:1/s3cret", "http://proxy:1?s3cret", "http://[::1", "http://[zz]:1",
    "http://[::1]s3cret", "http://proxy:1\r\nX-Evil: s3cret", "http://prüfer:1", "//proxy:1",
  ])
  func `a broken proxy is refused without repeating it`(text: String) {
    for name in ["HTTPS_PROXY", "https_proxy"] {
      let error = #expect(throws: ServiceHTTPError.self) { try proxy([name: text]) }
      #expect(error?.code == .proxyInvalid)
      #expect(error?.message.contains("$\(name) ") == true)
      #expect(error?.message.hasPrefix("the proxy in ") == true)
      #expect(error?.description.contains("s3cret") == false)
    }
  }

  @Test(arguments: [
    "http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "https://127.3.2.1",
    "https://localhost:8443",
    "https://[::1]/p",
  ])
  func `nothing on this machine goes through a proxy, whatever it is`(baseURL: String) throws {
    #expect(try proxy(["HTTPS_PROXY": "http://proxy:1"], to: baseURL) == nil)
    #expect(try proxy(["HTTPS_PROXY": "nonsense:"], to: baseURL) == nil)
  }

  @Test(arguments: [
    "*", "service.example", ".service.example", "*.service.example", "api.service.example",
    "API.Service.Example",
    " a , api.service.example ", "api.service.example:443", "service.example:443", "example",
    "service.example.",
    "x,,api.service.example", "[::1],service.example",
  ])
  func `an exception holds`(list: String) throws {
    for name in ["no_proxy", "NO_PROXY"] {
      #expect(try proxy(["HTTPS_PROXY": "proxy:1", name: list]) == nil, "\(list)")
    }
  }

  @Test(arguments: [
    "", ",", "vice.example", "pi.service.example", "other.api.service.example", "service.example:8443",
    "service.example:x", "service.example.org", "api", "*service.example", ".", "https://api.service.example",
    "10.0.0.0/8",
  ])
  func `anything else does not`(list: String) throws {
    #expect(try proxy(["HTTPS_PROXY": "proxy:1", "NO_PROXY": list]) == "proxy:1", "\(list)")
  }

  @Test(arguments: [
    ("https://10.1.2.3", "10.1.2.3", true), ("https://10.1.2.3", "10.1.2", false),
    ("https://10.1.2.3:8443", "10.1.2.3:8443", true), ("https://10.1.2.3:8443", "10.1.2.3:443", false),
    ("https://[2001:db8::1]:8443", "2001:db8::1", true),
    ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443", true),
    ("https://[2001:db8::1]", "[2001:db8::1]:8443", false),
  ])
  func `addresses are compared as they are`(baseURL: String, list: String, isException: Bool) throws {
    let found = try proxy(["HTTPS_PROXY": "proxy:1", "NO_PROXY": list], to: baseURL)
    #expect((found == nil) == isException)
  }

  @Test func `a file of certificates must be there and hold some`() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { _ = try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("ca.pem")
    func read() throws -> Int? {
      try ServiceRoute(to: Self.service, environment: ["SSL_CERT_FILE": file.path]).certificates?
        .certificates.count
    }
    func refusal() -> ServiceHTTPError? {
      #expect(throws: ServiceHTTPError.self) { try read() }
    }
    #expect(refusal()?.message.hasSuffix("of $SSL_CERT_FILE cannot be read") == true)
    #expect(refusal()?.message.contains(file.path) == true)
    let authority = TestCertificates.authority
    for content in ["", "nonsense", String(authority.dropLast(60)), authority.replacing("MII", with: "MJJ")] {
      try Data(content.utf8).write(to: file)
      #expect(refusal()?.code == .certificatesInvalid, "\(content)")
      #expect(
        refusal()?.message.hasSuffix("of $SSL_CERT_FILE holds no certificate, or one that is damaged")
          == true)
    }
    try Data((authority + "\n" + authority.dropLast(60)).utf8).write(to: file)
    #expect(refusal()?.code == .certificatesInvalid)
    try Data("# comment\n\(authority)\n\(TestCertificates.stranger)\n".utf8).write(to: file)
    #expect(try read() == 2)
    try FileManager.default.removeItem(at: file)
    #expect(
      try ServiceRoute(to: "http://localhost:1", environment: ["SSL_CERT_FILE": file.path]).proxy == nil)
    #expect(try ServiceRoute(to: Self.service, environment: ["SSL_CERT_FILE": ""]).certificates == nil)
  }

  @Test func `no way of printing shows the password`() throws {
    let route = try ServiceRoute(
      to: Self.service, environment: ["HTTPS_PROXY": "http://clerk:s3cr%65t@proxy.example:1"])
    var text = "\(route) \(String(reflecting: route)) \(String(describing: route.proxy))"
    dump(route, to: &text)
    #expect(!text.contains("s3cret"))
    #expect(text.contains("proxy.example"))
  }

  @Test(arguments: [
    ("s3cret is wrong", "[removed] is wrong"), ("clerk:s3cret", "[removed]"), ("S3CRET", "[removed]"),
    ("%733cret", "[removed]"), ("http://clerk:s3cret@proxy", "http://[removed]@proxy"), ("clerk", "clerk"),
  ])
  func `the proxy's password is taken out of texts`(text: String, expected: String) throws {
    let route = try ServiceRoute(
      to: Self.service, environment: ["HTTPS_PROXY": "http://clerk:s3cret@proxy:1"])
    #expect(Scrubber(key: try APIKey(testKey), route: route).scrub(text) == expected)
  }

  @Test func `so is the header that carries it`() throws {
    let route = try ServiceRoute(
      to: Self.service, environment: ["HTTPS_PROXY": "http://clerk:s3cret@proxy:1"])
    let header = "Basic " + Data("clerk:s3cret".utf8).base64EncodedString()
    let clean = Scrubber(key: try APIKey(testKey), route: route).scrub(header)
    #expect(clean.contains("[removed]"))
    #expect(!clean.contains("YmVy"))
    #expect(clean.count < header.count)
  }
}
