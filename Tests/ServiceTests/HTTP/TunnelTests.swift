import BatchDomain
import Foundation
import NIOCore
import ServiceHTTP
import TestSupport
import Testing
import TransfersService

/// Connections through a proxy, and connections whose certificate a private authority signed. The service's name has
/// no address, so that whatever arrives came through the tunnel.
@Suite(.timeLimit(.minutes(10)))
struct TunnelTests {
  private static let service = "https://service.example"
  private static let opened = ScriptedServer.Step.send("HTTP/1.1 200 Connection established\r\n\r\n")
  private static let answer = ScriptedServer.Step.send(HTTPAnswer.text(200))

  /// Runs a body with the path of a file that holds that certificate.
  private func withAuthority<Value>(
    _ certificate: String = TestCertificates.authority, _ body: (String) async throws -> Value
  ) async throws -> Value {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).pem")
    try Data(certificate.utf8).write(to: file)
    defer { _ = try? FileManager.default.removeItem(at: file) }
    return try await body(file.path)
  }

  @Test func `a request arrives through a proxy, under the service's name`() async throws {
    let proxy = try await ScriptedServer([
      .readRequest, Self.opened, .startTLS(TestCertificates.service), .readRequest, Self.answer,
    ])
    let exchange = try await withAuthority { file in
      try await withClient(
        Self.service,
        environment: ["HTTPS_PROXY": "http://clerk:s3cret@127.0.0.1:\(proxy.port)", "SSL_CERT_FILE": file]
      ) { await $0.submit(submission()) }
    }
    #expect(exchange.answer?.status == 200, "\(exchange)")
    let texts = proxy.requests.entries.map { String(decoding: $0, as: UTF8.self) }
    try #require(texts.count == 2)
    #expect(texts[0].hasPrefix("CONNECT service.example:443 HTTP/1.1\r\n"))
    let credentials = Data("clerk:s3cret".utf8).base64EncodedString()
    #expect(texts[0].lowercased().contains("\r\nproxy-authorization: basic \(credentials.lowercased())\r\n"))
    #expect(!texts[0].contains(testKey))
    #expect(texts[1].hasPrefix("POST /v1/indexes/tasks/transfers HTTP/1.1\r\n"))
    #expect(!texts[1].lowercased().contains("proxy-authorization"))
    #expect(!texts[1].contains(credentials))
    try await proxy.stop()
  }

  @Test func `a tunnel is used again`() async throws {
    let proxy = try await ScriptedServer(
      [.readRequest, Self.opened, .startTLS(TestCertificates.service), .readRequest, Self.answer],
      [.readRequest, Self.answer])
    try await withAuthority { file in
      try await withClient(
        Self.service, environment: ["https_proxy": "127.0.0.1:\(proxy.port)", "SSL_CERT_FILE": file]
      ) { service in
        for number in 1...2 {
          #expect(await service.submit(submission(number)).answer?.status == 200)
        }
      }
    }
    #expect(proxy.connections.entries.count == 1)
    #expect(proxy.requests.entries.count == 3)
    try await proxy.stop()
  }

  @Test(arguments: [
    (HTTPAnswer.text(407, "no", headers: ["Proxy-Authenticate: Basic realm=\"x\""]), "proxy_unauthorized"),
    (HTTPAnswer.text(502, "<html>no</html>"), "proxy_refused"), (HTTPAnswer.text(403, "no"), "proxy_refused"),
    (HTTPAnswer.text(302, headers: ["Location: http://elsewhere.example/"]), "proxy_refused"),
    ("HTTP/1.1 100 Continue\r\n\r\n" + HTTPAnswer.text(503, "no"), "proxy_refused"),
    ("220 mail.example\r\n", "proxy_refused"), ("", "reset_early"),
  ])
  func `a proxy that opens no tunnel has written nothing`(answer: String, code: String) async throws {
    let proxy = try await ScriptedServer([.readRequest, .send(answer), .close])
    try await withClient(
      Self.service, environment: ["HTTPS_PROXY": "http://clerk:s3cret@127.0.0.1:\(proxy.port)"]
    ) { service in
      let failure = await service.submit(submission()).failure
      #expect(failure?.progress == .notWritten)
      #expect(failure?.code == code, "\(String(describing: failure))")
      #expect(failure?.message.contains("s3cret") == false)
      #expect(failure?.message.contains(testKey) == false)
    }
    for request in proxy.requests.entries {
      #expect(!String(decoding: request, as: UTF8.self).contains(testKey))
    }
    try await proxy.stop()
  }

  @Test(arguments: [
    (HTTPAnswer.text(403, "no"), "it answers 403 Forbidden"),
    (HTTPAnswer.text(502, "<html>no</html>"), "it answers 502 Bad Gateway"),
    (HTTPAnswer.text(302, headers: ["Location: http://elsewhere.example/"]), "it answers 302 Found"),
    ("HTTP/1.1 100 Continue\r\n\r\n" + HTTPAnswer.text(503, "no"), "it answers 503 Service Unavailable"),
    (HTTPAnswer.text(499, "no"), "it answers 499"),
  ])
  func `a proxy's refusal is told with its status`(answer: String, words: String) async throws {
    let proxy = try await ScriptedServer([.readRequest, .send(answer), .close])
    let failure = try await withClient(
      Self.service, environment: ["HTTPS_PROXY": "127.0.0.1:\(proxy.port)"]
    ) { await $0.submit(submission()) }.failure
    #expect(
      failure?.message
        == "the proxy 127.0.0.1:\(proxy.port) opens no tunnel to https://service.example: \(words)")
    try await proxy.stop()
  }

  @Test func `a proxy that is not there, or never answers, has written nothing`() async throws {
    let silent = try await ScriptedServer([.readRequest, .stall])
    let slow = try await withClient(
      Self.service, connectTimeout: .milliseconds(50),
      environment: ["HTTPS_PROXY": "127.0.0.1:\(silent.port)"]
    ) { await $0.submit(submission()) }.failure
    #expect(slow?.progress == .notWritten)
    #expect(slow?.code == "connect_timeout")
    try await silent.stop()
    try await UnansweredPort.during { port in
      let absent = try await withClient(
        Self.service, environment: ["HTTPS_PROXY": "127.0.0.1:\(port)"]
      ) { await $0.submit(submission()) }.failure
      #expect(absent?.progress == .notWritten)
      #expect(absent?.code == "connect_refused")
      #expect(absent?.message == "connection refused by the proxy 127.0.0.1:\(port)")
    }
  }

  @Test func `a proxy that speaks something else and stays is not waited for`() async throws {
    let proxy = try await ScriptedServer([.readRequest, .send("220 mail.example\r\n")])
    let failure = try await withClient(
      Self.service, environment: ["HTTPS_PROXY": "127.0.0.1:\(proxy.port)"]
    ) { await $0.submit(submission()) }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "proxy_refused")
    await proxy.closings.wait(for: 1)
    try await proxy.stop()
  }

  @Test func `an address behind a proxy, whose certificate nobody could check, is not connected to`()
    async throws
  {
    let proxy = try await ScriptedServer()
    let failure = try await withClient(
      "https://203.0.113.5", environment: ["HTTPS_PROXY": "127.0.0.1:\(proxy.port)"]
    ) { await $0.submit(submission()) }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "certificate")
    #expect(proxy.connections.entries.isEmpty)
    try await proxy.stop()
  }

  @Test func `a listing that a proxy stops was not sent`() async throws {
    let proxy = try await ScriptedServer([.readRequest, .send(HTTPAnswer.text(502)), .close])
    try await withClient(Self.service, environment: ["HTTPS_PROXY": "127.0.0.1:\(proxy.port)"]) { service in
      do throws(ListingFailure) {
        _ = try await service.listTasks(index: IndexID("62a0906d47f5678267ec10a6"), page: 1)
        Issue.record("a page came")
      } catch {
        guard case .transport(let failure) = error else {
          Issue.record("\(error)")
          return
        }
        #expect(failure.progress == .notWritten)
        #expect(failure.code == "proxy_refused")
      }
    }
    try await proxy.stop()
  }

  @Test(arguments: ["localhost", "127.0.0.1"])
  func `a private authority is trusted, and a proxy left out for this machine`(host: String) async throws {
    let server = try await ScriptedServer([
      .startTLS(TestCertificates.service), .readRequest, Self.answer,
    ])
    let exchange = try await withAuthority { file in
      try await withClient(
        "https://\(host):\(server.port)",
        environment: ["SSL_CERT_FILE": file, "HTTPS_PROXY": "http://no-such-proxy.invalid:1"]
      ) { await $0.submit(submission()) }
    }
    #expect(exchange.answer?.status == 200, "\(exchange)")
    try await server.stop()
  }

  @Test(arguments: [
    // Another authority, no authority but the system's, the right authority but another host's certificate.
    (TestCertificates.stranger, TestCertificates.service, "certificate"),
    (nil, TestCertificates.service, "certificate"),
    (TestCertificates.authority, TestCertificates.elsewhere, "certificate_host"),
  ])
  func `any other certificate is refused, and nothing written`(
    authority: String?, identity: TestCertificates.Identity, code: String
  ) async throws {
    let server = try await ScriptedServer([.startTLS(identity), .readRequest, Self.answer])
    let exchange = try await withAuthority(authority ?? TestCertificates.stranger) { file in
      try await withClient(
        "https://localhost:\(server.port)", environment: authority == nil ? [:] : ["SSL_CERT_FILE": file]
      ) { await $0.submit(submission()) }
    }
    #expect(exchange.failure?.progress == .notWritten)
    #expect(exchange.failure?.code == code, "\(exchange)")
    #expect(server.requests.entries.isEmpty)
    try await server.stop()
  }

  @Test func `a certificate that is out of date says so, with its date and the clock's`() async throws {
    for (identity, code, words) in [
      (TestCertificates.expired, "certificate_expired", "expired at 2021-01-01T00:00:00.000Z"),
      (TestCertificates.future, "certificate_not_yet_valid", "is not valid before 2110-01-01T00:00:00.000Z"),
    ] {
      let server = try await ScriptedServer([.startTLS(identity), .readRequest, Self.answer])
      let failure = try await withAuthority(TestCertificates.datedAuthority) { file in
        try await withClient(
          "https://localhost:\(server.port)", environment: ["SSL_CERT_FILE": file]
        ) { await $0.submit(submission()) }.failure
      }
      #expect(failure?.progress == .notWritten)
      #expect(failure?.code == code, "\(String(describing: failure))")
      #expect(failure?.message.contains(words) == true, "\(String(describing: failure))")
      #expect(failure?.message.contains("the clock of this machine says 2026-11-23T") == true)
      try await server.stop()
    }
  }

  @Test func `a name is checked at the end of a tunnel too`() async throws {
    let proxy = try await ScriptedServer([
      .readRequest, Self.opened, .startTLS(TestCertificates.elsewhere), .readRequest, Self.answer,
    ])
    let failure = try await withAuthority { file in
      try await withClient(
        Self.service, environment: ["HTTPS_PROXY": "127.0.0.1:\(proxy.port)", "SSL_CERT_FILE": file]
      ) { await $0.submit(submission()) }.failure
    }
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "certificate_host")
    #expect(proxy.requests.entries.count == 1)
    try await proxy.stop()
  }
}
