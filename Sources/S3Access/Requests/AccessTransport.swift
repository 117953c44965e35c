internal import AsyncHTTPClient
package import BatchDomain
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// A request for S3 or for a source of credentials.
package struct AccessRequest: Sendable {
  /// `GET`, `HEAD` or `PUT`.
  package var method: String
  /// The whole URL.
  package var url: String
  /// Headers; `Host` is added where it is missing.
  package var headers: [(name: String, value: String)]
  /// The longest it may take, the answer's body included.
  package var timeout: Duration
  /// Whether it may go through a proxy; sources of credentials never do.
  package var mayUseProxy = true

  /// A request without a body.
  package init(
    _ method: String, _ url: String, headers: [(name: String, value: String)] = [],
    timeout: Duration = .seconds(60)
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.timeout = timeout
  }
}

/// What came back.
package struct AccessAnswer: Sendable {
  /// The status.
  package var status: Int
  /// All headers.
  package var headers: [(name: String, value: String)]
  /// The body, up to the limit that was given.
  package var body: [UInt8]
  /// Whether the body went on beyond the limit.
  package var isCut: Bool

  /// An answer in its parts.
  package init(
    status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = [], isCut: Bool = false
  ) {
    self.status = status
    self.headers = headers
    self.body = body
    self.isCut = isCut
  }

  /// The first header of a name in lower case.
  package func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
}

/// Why no answer came.
package enum AccessFault: Error, Sendable, Equatable {
  /// It took too long.
  case timedOut
  /// There was no connection, or it broke; the text is a clause without the address.
  case notConnected(String)
  /// The proxy, by host and port, refuses the user name and the password, or requires them.
  case proxyUnauthorized(String)
  /// The certificate of the other side is another host's.
  case certificateOfOtherHost
  /// The certificate of the other side has expired, or no authority that is trusted signed it; the library does not say which.
  case certificateUntrusted

  /// Whether another try can help; what a person has to put right is not tried again.
  var mayPass: Bool {
    switch self {
    case .timedOut, .notConnected: true
    case .proxyUnauthorized, .certificateOfOtherHost, .certificateUntrusted: false
    }
  }

  /// The fault as a clause.
  ///
  /// - Parameter host: who was asked.
  func words(at host: String) -> String {
    switch self {
    case .timedOut: "\(host): no answer came in time"
    case .notConnected(let why): "\(host): \(why)"
    case .proxyUnauthorized(let proxy):
      "the proxy \(proxy) refuses the user name and password in $HTTPS_PROXY, or requires them"
    case .certificateOfOtherHost: "the certificate of \(host) is another host's"
    case .certificateUntrusted:
      "the certificate of \(host) has expired, or is not signed by an authority that this machine trusts"
    }
  }
}

/// Sends a request once, following no redirect. A port: tests put a fake behind it.
package protocol AccessTransport: Sendable {
  /// Sends a request.
  ///
  /// - Parameter limit: bytes of the body that are read at most; the rest is given up.
  /// - Throws: ``AccessFault``, or `CancellationError`.
  func send(_ request: AccessRequest, limit: Int) async throws -> AccessAnswer
}

/// The way to S3 as the environment describes it.
package struct AccessRoute: Sendable {
  /// Host and port of an HTTP proxy that connections are tunnelled through; an address on this machine and sources of
  /// credentials never are.
  package var proxy: (host: String, port: Int)?
  /// User and password for the proxy.
  package var proxyCredentials: (user: String, password: String)?
  /// A PEM file of certificates that are trusted besides the system's.
  package var certificateFile: String?

  /// Straight to S3.
  package init() {}
}

/// Requests over HTTP/1.1 with async-http-client. Call ``shutdown()`` at the end.
package final class HTTPAccessTransport: AccessTransport {
  private let direct: HTTPClient
  private let proxied: (client: HTTPClient, proxy: String)?
  private let userAgent: String
  private let clock: any BatchClock

  /// A transport that has not connected yet.
  package init(userAgent: String, clock: any BatchClock, route: AccessRoute = AccessRoute()) {
    self.userAgent = userAgent
    self.clock = clock
    // Behind the time limit of each request, which is measured on the injected clock.
    let secondLine = TimeAmount.seconds(90)
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10), read: secondLine))
    configuration.httpVersion = .http1Only
    // The caller repeats, and knows when.
    configuration.connectionPool.retryConnectionEstablishment = false
    if let file = route.certificateFile {
      var tls = TLSConfiguration.makeClientConfiguration()
      tls.additionalTrustRoots = [.file(file)]
      configuration.tlsConfiguration = tls
    }
    direct = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    guard let proxy = route.proxy else {
      proxied = nil
      return
    }
    configuration.proxy =
      if let credentials = route.proxyCredentials {
        .server(
          host: proxy.host, port: proxy.port,
          authorization: .basic(username: credentials.user, password: credentials.password))
      } else {
        .server(host: proxy.host, port: proxy.port)
      }
    let host = proxy.host.contains(":") ? "[\(proxy.host)]" : proxy.host
    proxied = (
      HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration), "\(host):\(proxy.port)"
    )
  }

  /// A client must not go while it is open, and a caller that fails may not get as far as ``shutdown()``.
  deinit {
    for client in [direct, proxied?.client].compactMap(\.self) { client.shutdown { _ in } }
  }

  package func send(_ request: AccessRequest, limit: Int) async throws -> AccessAnswer {
    try await TimeLimit.run(request.timeout, clock: clock) { [self] in
      try await exchange(request, limit: limit)
    }
  }

  private func exchange(_ request: AccessRequest, limit: Int) async throws -> AccessAnswer {
    var message = HTTPClientRequest(url: request.url)
    message.method = HTTPMethod(rawValue: request.method)
    for header in request.headers { message.headers.add(name: header.name, value: header.value) }
    message.headers.add(name: "User-Agent", value: userAgent)
    let isFar = request.mayUseProxy && request.url.hasPrefix("https://") && !Self.isThisMachine(request.url)
    let way = isFar ? proxied : nil
    do {
      let response = try await (way?.client ?? direct).execute(message, timeout: .seconds(90))
      var body: [UInt8] = []
      var isCut = false
      for try await part in response.body {
        let room = limit - body.count
        body += part.readableBytesView.prefix(room)
        if part.readableBytes > room {
          isCut = true
          break
        }
      }
      return AccessAnswer(
        status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) }, body: body,
        isCut: isCut)
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      if Task.isCancelled { throw CancellationError() }
      throw Self.fault(error, proxy: way?.proxy)
    }
  }

  private static func isThisMachine(_ url: String) -> Bool {
    do { return try WebAddress(url).isThisMachine } catch { return false }
  }

  /// - Parameter proxy: the proxy that the request went through.
  private static func fault(_ error: any Error, proxy: String?) -> AccessFault {
    switch error {
    case let error as HTTPClientError
    where [.connectTimeout, .readTimeout, .deadlineExceeded].contains(error):
      .timedOut
    case let error as HTTPClientError where error == .proxyAuthenticationRequired:
      .proxyUnauthorized(proxy ?? "")
    case let error as HTTPClientError where error == .invalidProxyResponse:
      .notConnected("the proxy \(proxy ?? "") opens no tunnel to it")
    case let error as NIOConnectionError:
      .notConnected(
        error.dnsAError == nil && error.dnsAAAAError == nil
          ? "could not connect" + (proxy.map { " to the proxy \($0)" } ?? "")
          : "the name of the \(proxy.map { "proxy \($0)" } ?? "host") was not found")
    case let error as NIOSSLExtraError where error == .failedToValidateHostname: .certificateOfOtherHost
    // BoringSSL has a number for it and shows it only as text.
    case is NIOSSLError, is BoringSSLError:
      "\(error)".contains("CERTIFICATE_VERIFY_FAILED")
        ? .certificateUntrusted : .notConnected("no encrypted connection could be agreed on")
    default: .notConnected("could not connect, or the connection broke")
    }
  }

  /// Closes all connections. Nothing can be sent afterwards.
  package func shutdown() async {
    for client in [direct, proxied?.client].compactMap(\.self) {
      do {
        try await client.shutdown()
      } catch {
        // The only errors are "already shut down" and those of closing sockets, which the system closes anyway.
      }
    }
  }
}

/// A limit on how long work may take, by the injected clock.
enum TimeLimit {
  /// Does some work, and cancels it at the limit.
  ///
  /// - Throws: ``AccessFault/timedOut``, or what the work throws.
  static func run<Result: Sendable>(
    _ limit: Duration, clock: any BatchClock, _ work: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
      group.addTask { try await work() }
      group.addTask {
        try await clock.sleep(for: limit)
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let result = first else { throw AccessFault.timedOut }
      return result
    }
  }
}
