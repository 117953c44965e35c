internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1

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
