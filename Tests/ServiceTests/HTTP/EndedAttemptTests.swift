import BatchDomain
import Foundation
import ServiceHTTP
import TestSupport
import Testing
import TransfersService

/// What was not sent when an attempt ended is never sent: the connection is reset, and what the system had queued is
/// dropped. The other side does not read meanwhile, and then reads everything that still comes.
@Suite(.timeLimit(.minutes(10)))
struct EndedAttemptTests {
  enum Way: CaseIterable { case plain, encrypted, proxy }
  enum Ending: CaseIterable { case timeLimit, cancelled, shutDown }

  /// Fits into one piece, so that all of it was handed to the system: its answer is lost, not its request.
  private static let whole = SendUnit(
    chunk: ChunkNumber(17), itemCount: 1, content: Array(repeating: UInt8(ascii: "x"), count: 28 * 1_024),
    timeout: .seconds(60), mayBeDivided: true)

  @Test(arguments: Way.allCases, Ending.allCases)
  func `nothing more arrives`(way: Way, ending: Ending) async throws {
    let server = try await ScriptedServer([.startTLS(TestCertificates.service), .readRequest, .stall])
    let folder = try TemporaryFolder()
    let authority = try folder.write(TestCertificates.authority, to: "authority.pem")
    let peer: StallingPeer
    let url: String
    var environment = ["SSL_CERT_FILE": authority]
    switch way {
    case .plain:
      peer = try StallingPeer(.deaf)
      url = "http://127.0.0.1:\(peer.port)"
    case .encrypted:
      peer = try StallingPeer(.relay(port: server.port))
      url = "https://localhost:\(peer.port)"
    case .proxy:
      peer = try StallingPeer(.proxy(port: server.port))
      url = "https://service.example"
      environment["HTTPS_PROXY"] = "http://127.0.0.1:\(peer.port)"
    }
    let clock = TimeOutClock()
    let failure = try await withClient(url, environment: environment, clock: clock) { service in
      let task = Task { await service.submit(Self.whole) }
      try await peer.untilStalled()
      switch ending {
      case .timeLimit: clock.ring()
      case .cancelled: task.cancel()
      case .shutDown: await service.shutdown()
      }
      return await task.value
    }.failure
    #expect(failure?.progress == .maybeWritten, "\(String(describing: failure))")
    let received = try await peer.drain()
    #expect(received.isReset)
    #expect(received.read == received.waiting, "\(received)")
    #expect(received.read < 28 * 1_024)
    try await server.stop()
  }

  @Test func `a connection that is closed after its answer is closed in order`() async throws {
    let answer = HTTPAnswer.text(200, headers: ["Connection: close"])
    let server = try await ScriptedServer([.readRequest, .send(answer)])
    let exchange = try await withClient(server.url) { await $0.submit(submission()) }
    #expect(exchange.answer?.status == 200)
    await server.closings.wait(for: 1)
    #expect(server.errors.entries.isEmpty)
    try await server.stop()
  }
}
