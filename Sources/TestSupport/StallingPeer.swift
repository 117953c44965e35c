import Foundation
import NIOConcurrencyHelpers

#if canImport(Glibc)
  import Glibc
#endif

/// The other end of one connection on this machine that stops reading, so that what is sent to it stays in the queues
/// of the system. At the end it reads the rest and counts it: this is what still arrives after a client has closed.
package final class StallingPeer: Sendable {
  /// What it does before it stops reading.
  package enum Part: Sendable {
    /// Nothing.
    case deaf
    /// Passes bytes on to another port until an answer comes from there: what the client sends after a handshake stays
    /// unread.
    case relay(port: Int)
    /// The same, after it played a proxy that opened the tunnel it was asked for.
    case proxy(port: Int)
  }

  /// What it received.
  package struct Received: Sendable {
    /// Bytes that were there, unread, before it read again.
    package let waiting: Int
    /// All bytes it could read then, up to the end of the connection.
    package let read: Int
    /// Whether the connection ended by a reset.
    package let isReset: Bool
  }

  package struct Unavailable: Error {}

  /// The port it listens at.
  package let port: Int
  private let listener: CInt
  private let part: Part
  private let connection = NIOLockedValueBox<CInt>(-1)

  /// Listens at a port of 127.0.0.1, with a receive buffer of a few KiB.
  package init(_ part: Part) throws {
    self.part = part
    let listener = socket(AF_INET, Self.stream, 0)
    Self.set(SO_RCVBUF, 4_096, of: listener)
    var address = Self.loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isReady = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) == 0 && listen(listener, 16) == 0
          && getsockname(listener, address, &length) == 0
      }
    }
    guard isReady else { throw Unavailable() }
    self.listener = listener
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit {
    close(listener)
    let connection = connection.withLockedValue { $0 }
    if connection >= 0 { close(connection) }
  }

  /// Takes one connection, does its part, and waits until half a KiB came that it does not read.
  package func untilStalled() async throws { try await onThread { try self.stall() } }

  /// Reads what there is, up to the end of the connection.
  package func drain() async throws -> Received { try await onThread { try self.readAll() } }

  private func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
  {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
  }

  private func stall() throws {
    let client = accept(listener, nil, nil)
    guard client >= 0 else { throw Unavailable() }
    connection.withLockedValue { $0 = client }
    switch part {
    case .deaf: break
    case .relay(let port): try relay(client, to: port)
    case .proxy(let port):
      var head: [UInt8] = []
      while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) { head += try some(of: client, atMost: 1) }
      try send("HTTP/1.1 200 Connection established\r\n\r\n".utf8.map { $0 }, to: client)
      try relay(client, to: port)
    }
    // The last message of a handshake is shorter than that.
    Self.set(SO_RCVLOWAT, 512, of: client)
    try wait(for: [client])
    Self.set(SO_RCVLOWAT, 1, of: client)
  }

  private func relay(_ client: CInt, to port: Int) throws {
    let server = socket(AF_INET, Self.stream, 0)
    var address = Self.loopback(port: port)
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected else { throw Unavailable() }
    while true {
      let ready = try wait(for: [client, server])
      if ready.contains(server) { break }
      try send(try some(of: client, atMost: 16_384), to: server)
    }
    // The rest of the server's part of the handshake, for as long as there is a connection.
    Thread.detachNewThread {
      defer { close(server) }
      do {
        while case let bytes = try self.some(of: server, atMost: 16_384), !bytes.isEmpty {
          try self.send(bytes, to: client)
        }
      } catch {
        // Either end is gone.
      }
    }
  }

  private func readAll() throws -> Received {
    let client = connection.withLockedValue { $0 }
    var waiting: CInt = 0
    guard ioctl(client, UInt(FIONREAD), &waiting) == 0 else { throw Unavailable() }
    var count = 0
    while true {
      do {
        let bytes = try some(of: client, atMost: 65_536)
        if bytes.isEmpty { return Received(waiting: Int(waiting), read: count, isReset: false) }
        count += bytes.count
      } catch let error as POSIXError where error.code == .ECONNRESET {
        return Received(waiting: Int(waiting), read: count, isReset: true)
      }
    }
  }

  private static func set(_ option: CInt, _ value: CInt, of socket: CInt) {
    var value = value
    setsockopt(socket, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<CInt>.size))
  }

  private static let stream = CInt(SOCK_STREAM.rawValue)

  private static func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  @discardableResult
  private func wait(for sockets: [CInt]) throws -> Set<CInt> {
    var polled = sockets.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while poll(&polled, nfds_t(polled.count), -1) < 0 {
      guard errno == EINTR else { throw Unavailable() }
    }
    return Set(polled.filter { $0.revents != 0 }.map(\.fd))
  }

  private func some(of socket: CInt, atMost limit: Int) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: limit)
    while true {
      let count = read(socket, &buffer, limit)
      if count >= 0 { return Array(buffer[..<count]) }
      guard errno == EINTR else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }
  }

  private func send(_ bytes: [UInt8], to socket: CInt) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(socket, $0.baseAddress! + sent, bytes.count - sent, CInt(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Unavailable() }
      sent += count
    }
  }
}
