import BatchDomain
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import S3Access
import S3Signing
import TestSupport
import Testing

@Suite("Requests over HTTP", .timeLimit(.minutes(5)))
struct HTTPAccessTransportTests {
  /// Access to a server on this machine.
  private func open(_ server: StubServer) async throws -> S3Access {
    var settings = ObjectAccess()
    settings.endpoint = "http://127.0.0.1:\(server.port)"
    return try await S3Access.open(
      settings, environment: keyVariables, userAgent: "orchestrate/test", clock: HurryingNever(),
      random: FixedRandom())
  }

  @Test(
    "the path that is signed is the path that is sent, whatever the key",
    arguments: [
      "a.mp4", "a//b/../c.mp4", "./x", "/lead", "a b+c%20d.mp4", "ü–片/(final)'*!.mp4", "e\u{301}",
      "q?a=b&c#d", "a:b@c;d,e",
      "trailing/", "%", "\u{1}\u{7f}",
    ])
  func paths(key: String) async throws {
    let server = try await StubServer { request in
      guard let claims = request.claims else { return AccessAnswer(status: 200) }
      let isRight =
        claims.expectedSignature(secret: secret) == claims.signature
        && claims.request.path == Array("/b.1/\(key)".utf8)
      return AccessAnswer(status: isRight ? 200 : 403, headers: [("x-amz-storage-class", "STANDARD")])
    }
    let access = try await open(server)
    let head = try await access.client.head(bucket: "b.1", key: Array(key.utf8))
    #expect(head.storageClass == "STANDARD")
    #expect(server.seen.last?.target == "/b.1/" + PercentEncoding.path(key.utf8))
    #expect(server.seen.allSatisfy { $0.header("user-agent") == "orchestrate/test" })
    await access.shutdown()
    try await server.stop()
  }

  @Test("a listing is signed, decoded and followed over the network")
  func listing() async throws {
    let prefix = "night 1/ü+&="
    let server = try await StubServer { request in
      guard let claims = request.claims else { return AccessAnswer(status: 200) }
      guard claims.expectedSignature(secret: secret) == claims.signature else {
        return AccessAnswer(status: 403)
      }
      func value(_ name: String) -> String? {
        claims.request.query.first { $0.name == Array(name.utf8) }.map {
          String(decoding: $0.value, as: UTF8.self)
        }
      }
      guard value("prefix") == prefix else { return AccessAnswer(status: 400) }
      let isSecond = value("continuation-token") == "a/b+c=="
      let key = isSecond ? "two" : "one+%2B"
      let text =
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>\(!isSecond)</IsTruncated>"
        + "<NextContinuationToken>a/b+c==</NextContinuationToken><Contents><Key>\(key)</Key><Size>1</Size></Contents>"
        + "</ListBucketResult>"
      return AccessAnswer(status: 200, body: Array(text.utf8))
    }
    let access = try await open(server)
    var keys: [String] = []
    for try await page in access.listing.pages(bucket: "media", prefix: Array(prefix.utf8), startAfter: nil) {
      keys += page.objects.map { String(decoding: $0.key, as: UTF8.self) }
    }
    #expect(keys == ["one +", "two"])
    await access.shutdown()
    try await server.stop()
  }

  @Test("redirects are not followed, bodies are cut at the limit, and nobody there is a fault")
  func limits() async throws {
    let server = try await StubServer { request in
      request.target == "/moved"
        ? AccessAnswer(status: 302, headers: [("Location", "/elsewhere")])
        : AccessAnswer(status: 200, body: [UInt8](repeating: 7, count: 300_000))
    }
    let transport = HTTPAccessTransport(userAgent: "orchestrate/test", clock: HurryingNever())
    let base = "http://127.0.0.1:\(server.port)"
    #expect(try await transport.send(AccessRequest("GET", base + "/moved"), limit: 10).status == 302)
    let cut = try await transport.send(AccessRequest("GET", base + "/long"), limit: 1_000)
    #expect(cut.body.count == 1_000 && cut.isCut)
    let whole = try await transport.send(AccessRequest("GET", base + "/long"), limit: 300_000)
    #expect(whole.body.count == 300_000 && !whole.isCut)
    #expect(server.seen.map(\.target) == ["/moved", "/long", "/long"])
    await transport.shutdown()
    await transport.shutdown()
    try await server.stop()
    let other = HTTPAccessTransport(userAgent: "orchestrate/test", clock: HurryingNever())
    await #expect(throws: AccessFault.notConnected("could not connect, or the connection broke")) {
      try await other.send(AccessRequest("GET", base), limit: 1)
    }
    await other.shutdown()
  }

  @Test("a proxy that opens no tunnel is named, its password is not")
  func proxies() async throws {
    func fault(_ proxy: (host: String, port: Int)) async -> AccessFault? {
      var route = AccessRoute()
      route.proxy = proxy
      route.proxyCredentials = ("clerk", "s3cret")
      let transport = HTTPAccessTransport(
        userAgent: "orchestrate/test", clock: HurryingNever(), route: route)
      var fault: AccessFault?
      do {
        _ = try await transport.send(AccessRequest("GET", "https://s3.example/"), limit: 1)
      } catch {
        fault = error as? AccessFault
      }
      await transport.shutdown()
      return fault
    }
    var port = 0
    for (status, expected) in [
      (407, { AccessFault.proxyUnauthorized("127.0.0.1:\($0)") }),
      (403, { .notConnected("the proxy 127.0.0.1:\($0) opens no tunnel to it") }),
    ] as [(Int, (Int) -> AccessFault)] {
      let server = try await StubServer { _ in AccessAnswer(status: status) }
      port = server.port
      #expect(await fault(("127.0.0.1", port)) == expected(port))
      #expect(server.seen.map(\.method) == ["CONNECT"])
      try await server.stop()
    }
    #expect(
      await fault(("127.0.0.1", port)) == .notConnected("could not connect to the proxy 127.0.0.1:\(port)"))
  }

  @Test("a certificate that cannot be trusted is told from a broken connection, and from another host's")
  func certificates() async throws {
    let folder = try TemporaryFolder()
    for (identity, authority, expected) in [
      (TestCertificates.service, TestCertificates.authority, nil),
      (TestCertificates.service, nil, .certificateUntrusted),
      (TestCertificates.expired, TestCertificates.datedAuthority, .certificateUntrusted),
      (TestCertificates.elsewhere, TestCertificates.authority, .certificateOfOtherHost),
    ] as [(TestCertificates.Identity, String?, AccessFault?)] {
      let server = try await StubServer(as: identity) { _ in AccessAnswer(status: 200) }
      var route = AccessRoute()
      if let authority { route.certificateFile = try folder.write(authority, to: "authority.pem") }
      let transport = HTTPAccessTransport(
        userAgent: "orchestrate/test", clock: HurryingNever(), route: route)
      var fault: AccessFault?
      do {
        _ = try await transport.send(AccessRequest("GET", "https://localhost:\(server.port)/"), limit: 1)
      } catch {
        fault = error as? AccessFault ?? .notConnected("\(error)")
      }
      #expect(fault == expected && server.seen.count == (expected == nil ? 1 : 0))
      await transport.shutdown()
      try await server.stop()
    }
  }

  @Test("a server that does not answer is given up at the time limit of the injected clock")
  func timeLimit() async throws {
    let peer = try await StubServer { _ in nil }
    let clock = ManualClock()
    let transport = HTTPAccessTransport(userAgent: "orchestrate/test", clock: clock)
    let request = AccessRequest("GET", "http://127.0.0.1:\(peer.port)/", timeout: .seconds(5))
    let task = Task { try await transport.send(request, limit: 1) }
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(5))
    await #expect(throws: AccessFault.timedOut) { try await task.value }
    await transport.shutdown()
    try await peer.stop()
  }
}

/// A clock on which no limit is ever reached.
private struct HurryingNever: BatchClock {
  func now() -> Timestamp { evening }
  func elapsed() -> Duration { .zero }
  func sleep(for duration: Duration) async throws { try await Task.sleep(for: .seconds(100_000)) }
}

/// A server on this machine that answers as a test says, and keeps what it was asked.
private final class StubServer: Sendable {
  private let requests = NIOLockedValueBox<[AccessRequest]>([])
  private let channel: any Channel

  /// - Parameters:
  ///   - identity: who it is over TLS; `nil` speaks without.
  ///   - answer: `nil` never answers.
  init(
    as identity: TestCertificates.Identity? = nil,
    _ answer: @escaping @Sendable (AccessRequest) -> AccessAnswer?
  ) async throws {
    let requests = requests
    let tls = try identity.map { identity in
      try NIOSSLContext(
        configuration: .makeServerConfiguration(
          certificateChain: NIOSSLCertificate.fromPEMBytes(Array(identity.certificate.utf8))
            .map { .certificate($0) },
          privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(identity.key.utf8), format: .pem))))
    }
    channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Handler(requests: requests, answer: answer))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  var port: Int { channel.localAddress?.port ?? 0 }
  var seen: [AccessRequest] { requests.withLockedValue { $0 } }

  func stop() async throws { try await channel.close() }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let requests: NIOLockedValueBox<[AccessRequest]>
    private let answer: @Sendable (AccessRequest) -> AccessAnswer?
    private var request: AccessRequest?

    init(
      requests: NIOLockedValueBox<[AccessRequest]>,
      answer: @escaping @Sendable (AccessRequest) -> AccessAnswer?
    ) {
      self.requests = requests
      self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head):
        request = AccessRequest(
          head.method.rawValue, "http://stub" + head.uri, headers: head.headers.map { ($0.name, $0.value) })
      case .body: break
      case .end:
        guard let request else { return }
        requests.withLockedValue { $0.append(request) }
        guard let answer = answer(request) else { return }
        var headers = HTTPHeaders(answer.headers.map { ($0.name, $0.value) })
        headers.add(name: "Content-Length", value: "\(answer.body.count)")
        let head = HTTPResponseHead(
          version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != "HEAD" {
          context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      }
    }
  }
}
