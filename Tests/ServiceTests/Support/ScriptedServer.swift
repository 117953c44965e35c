import NIOCore
import NIOPosix
import TestSupport

/// A server on 127.0.0.1 that does what it is told, byte by byte: one script per request, in the order in which
/// requests are begun. It understands no more of HTTP than where a request ends.
final class ScriptedServer: Sendable {
  /// What the server does next.
  enum Step: Sendable {
    /// Reads a whole request and records it.
    case readRequest
    /// Reads until at least that many bytes of the request are there, then no more.
    case read(bytes: Int)
    /// Sends these bytes.
    case send(String)
    /// Speaks TLS from here on, under that name.
    case startTLS(TestCertificates.Identity)
    /// Sends one and the same block for ever, as fast as the other side takes it.
    case flood
    /// Sends that text for ever, as fast as the other side takes it.
    case floodOf(String)
    /// Tells the test that the script got here.
    case mark
    /// Goes on once the test opens ``ScriptedServer/gate``.
    case wait
    /// Does nothing any more, not even read.
    case stall
    /// Closes in order.
    case close
    /// Tears the connection down.
    case reset
  }

  /// Requests that were read to their end, byte for byte.
  let requests = Journal<[UInt8]>()
  /// One entry per accepted connection.
  let connections = Journal<Void>()
  /// One entry per closed connection.
  let closings = Journal<Void>()
  /// Errors of connections: a reset by the other side among them.
  let errors = Journal<String>()
  /// One entry per ``Step/mark``.
  let marks = Journal<Void>()
  /// What scripts wait for.
  let gate = Gate()
  private let scripts: ScriptQueue
  private let channel: any Channel

  /// Starts a server with these scripts; a request beyond them is never answered.
  convenience init(_ scripts: [Step]...) async throws { try await self.init(scripts: scripts) }

  /// Starts a server with these scripts; a request beyond them is never answered.
  init(scripts: [[Step]]) async throws {
    let queue = ScriptQueue(scripts)
    self.scripts = queue
    let (requests, connections, closings) = (requests, connections, closings)
    let (errors, marks, gate) = (errors, marks, gate)
    channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      // Read only when a script asks for it.
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            ScriptHandler(
              scripts: queue, requests: requests, connections: connections, closings: closings,
              errors: errors, marks: marks, gate: gate))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  /// The port the server got.
  var port: Int { channel.localAddress?.port ?? 0 }
  /// The server's address.
  var url: String { "http://127.0.0.1:\(port)" }

  /// Stops accepting.
  func stop() async throws { try await channel.close() }
}
