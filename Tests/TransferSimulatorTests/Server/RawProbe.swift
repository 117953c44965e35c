import NIOCore
import NIOPosix
import TransferSimulator

/// A bare socket, for how connections end.
enum RawProbe {
  /// How a connection ended, and what came before.
  struct Ending: Sendable {
    let text: String
    let wasReset: Bool
  }

  /// Writes `text` and reads until the end.
  static func exchange(_ server: SimulatorServer, _ text: String) async throws -> Ending {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: server.port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await channel.executeThenClose { inbound, outbound in
      var received = ""
      do {
        try await outbound.write(ByteBuffer(string: text))
        for try await buffer in inbound { received += String(buffer: buffer) }
        return Ending(text: received, wasReset: false)
      } catch is IOError {
        return Ending(text: received, wasReset: true)
      } catch ChannelError.ioOnClosedChannel {
        // Closed before anything could be written.
        return Ending(text: received, wasReset: false)
      }
    }
  }

  /// A transfers request as bytes.
  static func transfer(_ names: [String], profile: SimulatorProfile = .v1, announced: Int? = nil) -> String {
    let body = Probe.form(Probe.file(names))
    return "POST \(profile.transfersPath) HTTP/1.1\r\nHost: here\r\nx-api-key: right-key\r\n"
      + "Content-Type: multipart/form-data; boundary=edge\r\n"
      + "Content-Length: \(announced ?? body.utf8.count)\r\n\r\n\(body)"
  }
}

extension RawProbe {
  /// Writes `text` and closes at once.
  static func cut(_ server: SimulatorServer, _ text: String) async throws {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: server.port).get()
    try await channel.writeAndFlush(ByteBuffer(string: text))
    try await channel.close()
  }
}
