import Foundation
import NIOConcurrencyHelpers

/// A server on this machine that answers every request with one status and keeps what it was sent.
final class HookServer: Sendable {
  private let listener: CInt
  private let status: Int
  let port: UInt16
  private let texts = NIOLockedValueBox<[String]>([])

  struct Unavailable: Error {}

  init(status: Int = 200) throws {
    self.status = status
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

  /// An address of it that must be shown nowhere.
  func url(_ path: String) -> String { "http://127.0.0.1:\(port)/\(path)" }

  /// The requests so far, heads and bodies.
  var requests: [String] { texts.withLockedValue { $0 } }

  /// The bodies of the documents that were posted.
  func documents() throws -> [[String: Any]] {
    try requests.filter { $0.hasPrefix("POST ") }.map { request in
      try json(request.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n"))
    }
  }

  /// Stops accepting; the thread ends.
  func stop() {
    shutdown(listener, CInt(SHUT_RDWR))
    close(listener)
  }

  private func serve(_ connection: CInt) {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while !Self.isWhole(bytes) {
      let count = read(connection, &buffer, buffer.count)
      guard count > 0 else { return }
      bytes += buffer.prefix(count)
    }
    texts.withLockedValue { $0.append(String(decoding: bytes, as: UTF8.self)) }
    let answer = Array("HTTP/1.1 \(status) Well\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
    _ = write(connection, answer, answer.count)
  }

  private static func isWhole(_ bytes: [UInt8]) -> Bool {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let head = text.range(of: "\r\n\r\n") else { return false }
    let length = text[..<head.lowerBound].components(separatedBy: "\r\n")
      .first { $0.lowercased().hasPrefix("content-length:") }
      .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
    return text[head.upperBound...].utf8.count >= length ?? 0
  }
}
