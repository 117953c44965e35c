import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@testable import Notifications

@Suite("Notices over HTTP", .timeLimit(.minutes(10)))
struct HTTPNoticeTransportTests {
  @Test("a document is posted and an address is asked with GET, redirects are not followed")
  func requests() async throws {
    let server = try await AnsweringServer([200, 302, 500])
    let transport = HTTPNoticeTransport(userAgent: "orchestrate/test")
    let address = try NoticeAddress("http://127.0.0.1:\(server.port)/hook?token=s3cret")
    #expect(try await transport.send(#"{"text":"é"}"#, to: address) == 200)
    #expect(try await transport.send(nil, to: address) == 302)
    #expect(try await transport.send(nil, to: address) == 500)
    await transport.shutdown()
    await transport.shutdown()
    let seen = server.seen
    #expect(seen.map(\.method) == ["POST", "GET", "GET"])
    #expect(seen.allSatisfy { $0.target == "/hook?token=s3cret" })
    #expect(seen.map(\.body) == [#"{"text":"é"}"#, "", ""])
    #expect(seen.first?.headers["content-type"] == ["application/json; charset=utf-8"])
    #expect(seen.allSatisfy { $0.headers["user-agent"] == ["orchestrate/test"] })
    #expect(seen.allSatisfy { !$0.headers.contains(name: "x-api-key") })
    try await server.stop()
    let closed = HTTPNoticeTransport(userAgent: "orchestrate/test")
    await #expect(throws: (any Error).self) { try await closed.send(nil, to: address) }
    await closed.shutdown()
  }

  @Test("who did not answer, and why, is told without the address")
  func faults() async throws {
    func fault(_ port: Int) async throws -> RequestFault? {
      let transport = HTTPNoticeTransport(userAgent: "orchestrate/test")
      var fault: RequestFault?
      do {
        _ = try await transport.send(nil, to: NoticeAddress("https://localhost:\(port)/hook?token=s3cret"))
      } catch {
        fault = RequestFault(error)
      }
      await transport.shutdown()
      return fault
    }
    let server = try await AnsweringServer([200], as: TestCertificates.service)
    #expect(try await fault(server.port) == .certificateUntrusted)
    #expect(server.seen.isEmpty)
    let port = server.port
    try await server.stop()
    #expect(try await fault(port) == .notConnected)
    #expect(RequestFault(NIOSSLExtraError.failedToValidateHostname) == .certificateOfOtherHost)
    for fault in [RequestFault.certificateUntrusted, .certificateOfOtherHost] { #expect(!fault.mayPass) }
    for fault in [RequestFault.hostNotFound, .notConnected, .noAnswer, .timeout] { #expect(fault.mayPass) }
  }
}

/// A server on this machine that answers with one status after the other and keeps what it was sent.
private final class AnsweringServer: Sendable {
  struct Request: Sendable {
    var method: String
    var target: String
    var headers: HTTPHeaders
    var body = ""
  }

  private struct State {
    var statuses: [Int]
    var seen: [Request] = []
  }

  private let state: NIOLockedValueBox<State>
  private let channel: any Channel

  /// - Parameter identity: who it is over TLS; `nil` speaks without.
  init(_ statuses: [Int], as identity: TestCertificates.Identity? = nil) async throws {
    let state = NIOLockedValueBox(State(statuses: statuses))
    self.state = state
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
          try channel.pipeline.syncOperations.addHandler(Handler(state: state))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  var port: Int { channel.localAddress?.port ?? 0 }
  var seen: [Request] { state.withLockedValue { $0.seen } }

  func stop() async throws { try await channel.close() }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let state: NIOLockedValueBox<State>
    private var request: Request?

    init(state: NIOLockedValueBox<State>) { self.state = state }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head):
        request = Request(method: head.method.rawValue, target: head.uri, headers: head.headers)
      case .body(let part): request?.body += String(buffer: part)
      case .end:
        guard let request else { return }
        let status = state.withLockedValue { state in
          state.seen.append(request)
          return state.statuses.isEmpty ? 200 : state.statuses.removeFirst()
        }
        var headers = HTTPHeaders([("Content-Length", "2")])
        if (300..<400).contains(status) { headers.add(name: "Location", value: "/elsewhere") }
        let head = HTTPResponseHead(
          version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "ok")))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      }
    }
  }
}
