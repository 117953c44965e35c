import Foundation
import NIOConcurrencyHelpers

/// A proxy on this machine that refuses every tunnel with 407 and remembers what it was asked.
final class RefusingProxy: Sendable {
  private let listener: CInt
  let port: UInt16
  private let heads = NIOLockedValueBox<[String]>([])

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
    Thread.detachNewThread { [self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        serve(connection)
        close(connection)
      }
    }
  }

  /// Heads of the requests so far.
  var requests: [String] { heads.withLockedValue { $0 } }

  /// Stops accepting; the thread ends.
  func stop() {
    shutdown(listener, CInt(SHUT_RDWR))
    close(listener)
  }

  private func serve(_ connection: CInt) {
    var head = ""
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while !head.hasSuffix("\r\n\r\n") {
      let count = read(connection, &buffer, buffer.count)
      guard count > 0 else { return }
      head += String(decoding: buffer.prefix(count), as: UTF8.self)
    }
    heads.withLockedValue { $0.append(head) }
    let answer = Array("HTTP/1.1 407 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
    _ = write(connection, answer, answer.count)
  }
}
