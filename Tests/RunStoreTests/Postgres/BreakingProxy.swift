import Foundation
import NIOConcurrencyHelpers
import TestSupport

/// Stands between libpq and the tests' server, and breaks the connection on which it hears the words that it waits for.
final class BreakingProxy: Sendable {
  /// What becomes of the connection.
  enum Act {
    /// The question does not arrive, and the connection ends.
    case cut
    /// The question is answered, and the connection ends instead of the answer.
    case loseAnswer
    /// The question arrives, and nothing comes back any more on a connection that stays.
    case fallSilent
    /// Nothing is taken any more on a connection that stays, from the question on.
    case stopTaking
    /// The question arrives, and nothing is taken any more either way on a connection that stays.
    case stopAll
  }

  /// Where the proxy listens, as the host of an address.
  private let folder: TemporaryFolder
  private let server: String
  private let listener: CInt
  /// Whether the server's process is told with another number than it has, as a pooler does.
  private let isPooler: Bool
  private let rules = NIOLockedValueBox<[(words: String, act: Act)]>([])

  struct Unavailable: Error {}

  init(before cluster: PostgresCluster, isPooler: Bool = false) throws {
    self.isPooler = isPooler
    folder = try TemporaryFolder()
    server = cluster.folder.path + "/.s.PGSQL.5432"
    listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    let listener = listener
    let isReady = Self.with(folder.path + "/.s.PGSQL.5432") { address, length in
      bind(listener, address, length) == 0 && listen(listener, 16) == 0
    }
    guard isReady else { throw Unavailable() }
    Thread.detachNewThread { [weak self] in
      while true {
        let worker = accept(listener, nil, nil)
        guard worker >= 0 else { break }
        self?.serve(worker)
      }
      close(listener)
    }
  }

  /// The thread that accepts ends.
  deinit { shutdown(listener, CInt(SHUT_RDWR)) }

  /// The address of a database by way of the proxy.
  func address(of database: String, on cluster: PostgresCluster) -> String {
    func host(_ path: String) -> String { path.replacingOccurrences(of: "/", with: "%2F") }
    return database.replacingOccurrences(of: host(cluster.folder.path), with: host(folder.path))
  }

  /// Has something done at each of these words, in their order, and each once.
  func expect(_ rules: (words: String, act: Act)...) { self.rules.withLockedValue { $0 = rules } }

  /// Words that were not heard.
  var notHeard: [String] { rules.withLockedValue { $0.map(\.words) } }

  /// What a question that was heard does to its connection.
  private func act(at question: [UInt8]) -> Act? {
    rules.withLockedValue { rules in
      guard let next = rules.first, String(decoding: question, as: UTF8.self).contains(next.words) else {
        return nil
      }
      rules.removeFirst()
      return next.act
    }
  }

  private func serve(_ worker: CInt) {
    let server = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    guard Self.with(self.server, { connect(server, $0, $1) == 0 }) else {
      close(server)
      close(worker)
      return
    }
    let under = NIOLockedValueBox<Act?>(nil)
    let ended = NIOLockedValueBox(0)
    /// Ends both sides; the second of the two ways closes them.
    @Sendable func end() {
      shutdown(worker, CInt(SHUT_RDWR))
      shutdown(server, CInt(SHUT_RDWR))
      let isLast = ended.withLockedValue { count in
        count += 1
        return count == 2
      }
      guard isLast else { return }
      close(worker)
      close(server)
    }
    Thread.detachNewThread { [weak self] in
      while let question = Self.read(worker) {
        if let act = self?.act(at: question) {
          // Before the server can answer.
          under.withLockedValue { $0 = act }
          if act == .cut { break }
          if act == .stopTaking {
            Self.waitForEnd(of: worker)
            break
          }
        }
        guard Self.write(question, to: server) else { break }
        if under.withLockedValue({ $0 }) == .stopAll {
          Self.waitForEnd(of: worker)
          break
        }
      }
      end()
    }
    Thread.detachNewThread { [isPooler] in
      var isTold = !isPooler
      while var answer = Self.read(server) {
        if !isTold { isTold = Self.changeProcess(in: &answer) }
        let act = under.withLockedValue { $0 }
        if act == .stopAll {
          Self.waitForEnd(of: worker)
          break
        }
        if act == .fallSilent || act == .stopTaking { continue }
        guard act == nil, Self.write(answer, to: worker) else { break }
      }
      end()
    }
  }

  /// Names another process of the server in the message BackendKeyData, which comes once for each connection
  /// (https://www.postgresql.org/docs/current/protocol-message-formats.html).
  ///
  /// - Returns: whether it was in that answer.
  private static func changeProcess(in answer: inout [UInt8]) -> Bool {
    let head: [UInt8] = [UInt8(ascii: "K"), 0, 0, 0, 12]
    guard let place = answer.indices.first(where: { answer[$0...].starts(with: head) }) else {
      return false
    }
    // No process has so high a number.
    answer[place + head.count] = 0x7F
    return true
  }

  /// Waits until the other side ends a connection, and takes nothing of what it has sent.
  private static func waitForEnd(of socket: CInt) {
    // An end of both ways is told without being asked for.
    var end = pollfd(fd: socket, events: 0, revents: 0)
    while poll(&end, 1, -1) < 0 {}
  }

  private static func read(_ socket: CInt) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(socket, &buffer, buffer.count, 0)
    return count > 0 ? Array(buffer.prefix(count)) : nil
  }

  private static func write(_ bytes: [UInt8], to socket: CInt) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        send(socket, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, CInt(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  private static func with(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool) -> Bool {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let name = Array(path.utf8)
    guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
