internal import AsyncHTTPClient
internal import BatchDomain
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

extension HTTPTransferService {
  /// The transport's settings: one try, one request per connection at a time, nothing clever.
  static func transport(
    _ configuration: TransferClientConfiguration, _ reuse: ReusePolicy, _ bodies: OutgoingBodies
  ) -> HTTPClient.Configuration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    if let added = configuration.route.certificates {
      tls.additionalTrustRoots = [.certificates(added.certificates)]
    }
    let idleTime = configuration.idleConnectionTime
    var pool = HTTPClient.Configuration.ConnectionPool()
    pool.idleTimeout = .nanoseconds(idleTime.wholeNanoseconds)
    pool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(1, configuration.concurrency) + 1
    pool.retryConnectionEstablishment = false
    var transport = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(connect: .nanoseconds(configuration.connectTimeout.wholeNanoseconds)),
      connectionPool: pool, decompression: .disabled)
    transport.httpVersion = .http1Only
    // Nobody collects spans; the library makes their attributes for every request all the same.
    transport.tracing.tracer = nil
    transport.proxy = configuration.route.proxy.map { proxy in
      .server(
        host: proxy.host, port: proxy.port,
        authorization: proxy.credentials.map { .basic(username: $0.user, password: $0.password) })
    }
    transport.http1_1ConnectionDebugInitializer = { channel in
      ConnectionKeeper.join(channel, policy: reuse, idleTime: idleTime, bodies: bodies)
    }
    return transport
  }

  /// A request with the headers that all have in common.
  ///
  /// - Throws: `HTTPClientError` when the address is none; nothing is sent then.
  func request(_ method: HTTPMethod, _ target: String) throws -> HTTPClient.Request {
    var request = try HTTPClient.Request(url: configuration.baseURL + target, method: method)
    request.headers.add(name: "x-api-key", value: configuration.key.value)
    request.headers.add(name: "User-Agent", value: configuration.userAgent)
    request.headers.add(name: "Accept", value: "application/json")
    if !reuse.allowsReuse { request.headers.add(name: "Connection", value: "close") }
    return request
  }

  /// An answer as the scheduler wants it; of a page of the list of tasks only the beginning is looked at.
  func decoded(_ answer: HTTPExchange.Answer) -> ServiceAnswer {
    let isLong = answer.body.count > Self.answerLimit
    return decoder.decode(
      status: answer.status, headers: answer.headers,
      body: isLong ? Array(answer.body.prefix(Self.answerLimit)) : answer.body,
      isCut: isLong || answer.cut != nil, now: clock.now())
  }

  /// A failure as the scheduler wants it.
  func failure(_ fault: TransportFault, progress: TransportFailure.Progress) -> TransportFailure {
    TransportFailure(
      progress: progress, code: fault.rawValue,
      message: scrubber.scrub(
        fault.message(origin: configuration.origin, proxy: configuration.route.proxy?.description)))
  }

  /// The rows of an answer to a listing.
  ///
  /// A page is read straight away; the answer is put into words only when something is wrong with it, since
  /// taking secrets out of a whole page costs more than reading it.
  func rows(_ answer: HTTPExchange.Answer) throws(ListingFailure) -> [TaskRow] {
    guard answer.status == 200, decoder.mediaType(answer.headers) != "text/html" else {
      throw .refused(decoded(answer))
    }
    if case .broken(let fault) = answer.cut {
      throw .transport(failure(fault, progress: .maybeWritten))
    }
    guard answer.cut == nil else {
      throw unreadable(answer, "the page of the list of tasks is longer than \(Self.pageByteLimit) bytes")
    }
    do {
      return try pages.rows(answer.body)
    } catch {
      throw unreadable(answer, error.reason)
    }
  }

  private func unreadable(_ answer: HTTPExchange.Answer, _ reason: String) -> ListingFailure {
    var refusal = decoded(answer)
    refusal.code = Self.unreadableCode
    refusal.message = reason
    return .refused(refusal)
  }
}

extension Duration {
  /// Nanoseconds, zero to a day: what the transport's own time-outs may be.
  fileprivate var wholeNanoseconds: Int64 {
    let held = Swift.max(.zero, Swift.min(self, .seconds(86_400)))
    return Int64(held.inSeconds * 1_000_000_000)
  }
}
