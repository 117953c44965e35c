import Foundation

/// A server on this machine that takes connections and never says anything.
final class SilentServer: Sendable {
  private let listener: CInt
  let port: UInt16
  private let accepted: AsyncStream<Void>

  struct Unavailable: Error {}

  init() throws {
    let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isReady = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) == 0 && listen(listener, 16) == 0
          && getsockname(listener, address, &length) == 0
      }
    }
    guard isReady else { throw Unavailable() }
    self.listener = listener
    port = UInt16(bigEndian: address.sin_port)
    let (accepted, acceptance) = AsyncStream.makeStream(of: Void.self)
    self.accepted = accepted
    Thread.detachNewThread {
      // Kept open until the server stops.
      var connections: [CInt] = []
      while case let connection = accept(listener, nil, nil), connection >= 0 {
        connections.append(connection)
        acceptance.yield()
      }
      for connection in connections { close(connection) }
      acceptance.finish()
    }
  }

  /// Its address.
  var url: String { "http://127.0.0.1:\(port)" }

  /// Suspends until somebody connected.
  func waitForConnection() async { for await _ in accepted { return } }

  /// Closes everything; the thread ends.
  func stop() {
    shutdown(listener, CInt(SHUT_RDWR))
    close(listener)
  }
}
