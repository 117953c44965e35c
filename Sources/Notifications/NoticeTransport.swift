import AsyncHTTPClient
import BatchDomain
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Sends one request to an address and says which status came back. A port: tests put a fake behind it.
package protocol NoticeTransport: Sendable {
  /// Sends a request, once, following no redirect.
  ///
  /// - Parameter body: a JSON document to POST; `nil` asks with GET.
  /// - Returns: the status of the answer.
  /// - Throws: whatever kept an answer from coming; `CancellationError` when the task was cancelled.
  func send(_ body: String?, to address: NoticeAddress) async throws -> Int

  /// Closes what is open. Nothing can be sent afterwards.
  func shutdown() async
}

/// Runs a command to its end. A port: tests put a fake behind it.
package protocol CommandRunner: Sendable {
  /// Runs a command.
  ///
  /// - Parameters:
  ///   - environment: all the variables it gets.
  ///   - input: what it reads from standard input.
  /// - Returns: its exit status, 128 and the signal's number when it was killed.
  /// - Throws: ``CommandNotStarted``. Cancelling the task kills the command.
  func run(_ command: NoticeCommand, environment: [String: String], input: String) async throws -> Int32
}

/// A command could not be started.
package struct CommandNotStarted: Error, Sendable, Equatable {
  /// The system's words for it.
  package let reason: String

  /// A failure for that reason.
  package init(reason: String) { self.reason = reason }
}

/// Requests over HTTP/1.1, one connection for each: there is at most one a minute.
package final class HTTPNoticeTransport: NoticeTransport {
  /// The library's own time limit: behind the one of ``Notifier``, which is measured on the injected clock.
  private static let secondLine: TimeAmount = .seconds(30)

  private let client: HTTPClient
  private let userAgent: String

  /// A transport that has not connected yet.
  package init(userAgent: String) {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: Self.secondLine, read: Self.secondLine))
    configuration.httpVersion = .http1Only
    configuration.connectionPool.retryConnectionEstablishment = false
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    self.userAgent = userAgent
  }

  /// A client must not go while it is open, and a caller that fails may not get as far as ``shutdown()``.
  deinit { client.shutdown { _ in } }

  package func send(_ body: String?, to address: NoticeAddress) async throws -> Int {
    var request = HTTPClientRequest(url: address.text)
    request.headers.add(name: "User-Agent", value: userAgent)
    request.headers.add(name: "Connection", value: "close")
    if let body {
      request.method = .POST
      request.headers.add(name: "Content-Type", value: "application/json; charset=utf-8")
      request.body = .bytes(ByteBuffer(string: body))
    }
    // Nobody is interested in the body of the answer; it is given up with the response.
    return Int(try await client.execute(request, timeout: Self.secondLine).status.code)
  }

  package func shutdown() async {
    do {
      try await client.shutdown()
    } catch {
      // The only errors are "already shut down" and those of closing sockets, which the system closes anyway.
    }
  }
}

/// Why a request reached nobody.
enum RequestFault: Equatable {
  /// An answer came, and was no success.
  case status(Int)
  /// No answer came in time.
  case timeout
  /// The name of the host was not found.
  case hostNotFound
  /// Nobody took the connection.
  case notConnected
  /// The certificate of the other side is another host's.
  case certificateOfOtherHost
  /// The certificate of the other side has expired, or no authority that is trusted signed it; the library does not say which.
  case certificateUntrusted
  /// There was no connection, or it broke.
  case noAnswer

  /// Reads what kept an answer from coming. Its words are not shown: they may have the address in them.
  init(_ error: any Error) {
    switch error {
    case let error as NIOConnectionError:
      self = error.dnsAError == nil && error.dnsAAAAError == nil ? .notConnected : .hostNotFound
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
      self = .certificateOfOtherHost
    // BoringSSL has a number for it and shows it only as text.
    case is NIOSSLError, is BoringSSLError:
      self = "\(error)".contains("CERTIFICATE_VERIFY_FAILED") ? .certificateUntrusted : .noAnswer
    default: self = .noAnswer
    }
  }

  /// Whether another try can help.
  var mayPass: Bool {
    switch self {
    case .status(let status): status == 408 || status == 429 || status >= 500
    case .timeout, .hostNotFound, .notConnected, .noAnswer: true
    case .certificateOfOtherHost, .certificateUntrusted: false
    }
  }

  /// The fault as a clause.
  var words: String {
    switch self {
    case .status(let status) where (300..<400).contains(status):
      "it answered with a redirect (\(status)), which is not followed"
    case .status(let status): "it answered \(status)"
    case .timeout: "no answer came in time"
    case .hostNotFound: "the name of the host was not found"
    case .notConnected: "could not connect: nobody listens there, or the network has no way to it"
    case .certificateOfOtherHost: "its certificate is another host's"
    case .certificateUntrusted:
      "its certificate has expired, or is not signed by an authority that this machine trusts"
    case .noAnswer: "could not connect, or the connection broke"
    }
  }
}

/// The environment that a notice's command gets.
package enum CommandEnvironment {
  /// The program's own environment without its secrets.
  ///
  /// - Parameters:
  ///   - secrets: variables that are left out, and so is every other one that has the value of one of them in it.
  package static func of(_ environment: [String: String], without secrets: [String]) -> [String: String] {
    let values = secrets.compactMap { environment[$0] }.filter { !$0.isEmpty }
    return environment.filter { name, value in
      !secrets.contains(name) && !values.contains { value.contains($0) }
    }
  }

  /// The variables that tell a command what it is about.
  static func of(_ notice: RunNotice) -> [String: String] {
    [
      "ORCHESTRATE_RUN_ID": notice.run.run.rawValue,
      "ORCHESTRATE_EVENT": notice.event.rawValue,
      "ORCHESTRATE_STATE": notice.run.state.rawValue,
    ]
  }
}
