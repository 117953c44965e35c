import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import ServiceHTTP

@Suite("Sockets")
struct SocketTests {
  @Test("a socket that knows no limit on silence is used without one", .timeLimit(.minutes(10)))
  func silenceWithoutLimit() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("socket")
    let group = MultiThreadedEventLoopGroup.singleton
    let server = try await ServerBootstrap(group: group).bind(unixDomainSocketPath: path).get()
    let client = try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get()
    try await client.eventLoop.submit { try client.limitSilence(to: .seconds(1)) }.get()
    #expect(client.isActive)
    try await client.close()
    try await server.close()
  }
}
