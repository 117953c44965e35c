internal import BatchDomain
internal import NIOCore
internal import NIOExtras
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// What an error of the transport means, in one stable word. Whether the request may have arrived is never read
/// from the error but from the ``WriteProgress`` of the request.
enum TransportFault: String, Sendable, CaseIterable {
  /// The host's name has no address.
  case dns
  /// Nobody listens at the address.
  case connectRefused = "connect_refused"
  /// The network has no way to the address.
  case unreachable
  /// No connection was ready in time, encryption included.
  case connectTimeout = "connect_timeout"
  /// No encrypted connection came about, or it broke.
  case tls
  /// The certificate of the other side is not trusted, or is another host's.
  case certificate
  /// The proxy wants a user name and a password, or others.
  case proxyUnauthorized = "proxy_unauthorized"
  /// The proxy did not open a tunnel.
  case proxyRefused = "proxy_refused"
  /// The connection broke before the end of the request was handed to it.
  case resetEarly = "reset_early"
  /// No whole answer came in time.
  case timeout
  /// The connection was torn down.
  case reset
  /// The connection was closed without an answer.
  case closed
  /// The request was said to be taken before it was written.
  case earlyAnswer = "early_answer"
  /// What came is not HTTP.
  case `protocol`
  /// The caller gave the request up.
  case cancelled

  /// Reads an error, given how far the request got.
  init(_ error: any Error, stage: WriteProgress.Stage) {
    let fault = Self.fault(of: error)
    switch fault {
    case .timeout where stage == .nothing: self = .connectTimeout
    case .reset where stage < .everything, .closed where stage < .everything: self = .resetEarly
    default: self = fault
    }
  }

  /// Whether it can only happen before a request is begun.
  var isBeforeRequest: Bool {
    switch self {
    case .dns, .connectRefused, .unreachable, .connectTimeout, .certificate, .proxyUnauthorized,
      .proxyRefused:
      true
    case .tls, .resetEarly, .timeout, .reset, .closed, .earlyAnswer, .protocol, .cancelled: false
    }
  }

  /// The fault in words.
  ///
  /// - Parameters:
  ///   - origin: scheme, host and port of the service.
  ///   - proxy: host and port of the proxy that connections go through.
  func message(origin: String, proxy: String? = nil) -> String {
    let first = proxy.map { "the proxy \($0)" } ?? origin
    let way = proxy == nil ? "" : ", by way of \(first)"
    return switch self {
    case .dns: "the name of \(first) has no address"
    case .connectRefused: "nobody listens at \(first)"
    case .unreachable: "there is no way to \(first) from this machine"
    case .connectTimeout: "no connection to \(origin) came about in time\(way)"
    case .tls: "no encrypted connection to \(origin) came about, or it broke\(way)"
    case .certificate:
      "the certificate that \(origin) shows is not trusted on this machine, or is another host's; "
        + "$SSL_CERT_FILE can name the authority to trust"
    case .proxyUnauthorized: "\(first) refuses the user name and password in $HTTPS_PROXY, or wants some"
    case .proxyRefused: "\(first) opens no tunnel to \(origin)"
    case .resetEarly: "the connection to \(origin) broke before the request was written\(way)"
    case .timeout: "no whole answer from \(origin) in time"
    case .reset: "the connection to \(origin) was torn down before an answer came"
    case .closed: "\(origin) closed the connection without an answer"
    case .earlyAnswer: "\(origin) took the request before it was written"
    case .protocol: "what \(origin) answered is not HTTP"
    case .cancelled: "the request to \(origin) was given up"
    }
  }

  private static func fault(of error: any Error) -> TransportFault {
    switch error {
    case let error as ConnectionError: fault(of: error)
    case let error as NIOHTTP1ProxyConnectHandler.Error: fault(of: error)
    case let error as NIOConnectionError: fault(of: error)
    case let error as IOError: fault(ofErrno: error.errnoCode)
    case let error as ChannelError: fault(of: error)
    case let error as NIOSSLError:
      switch error {
      case .uncleanShutdown: .closed
      case .handshakeFailed(let reason): isAboutCertificate(reason) ? .certificate : .tls
      default: .tls
      }
    case let error as NIOSSLExtraError: error == .failedToValidateHostname ? .certificate : .tls
    case let error as BoringSSLError: isAboutCertificate(error) ? .certificate : .tls
    case let error as HTTPParserError: error == .invalidEOFState ? .closed : .protocol
    case is NIOHTTPDecoderError: .protocol
    case is SocketAddressError, is SocketAddressError.UnknownHost: .dns
    case is CancellationError: .cancelled
    default: .reset
    }
  }

  /// BoringSSL has a number for it and shows it only as text.
  private static func isAboutCertificate(_ error: BoringSSLError) -> Bool {
    "\(error)".contains("CERTIFICATE_VERIFY_FAILED")
  }

  private static func fault(of error: ConnectionError) -> TransportFault {
    switch error {
    case .connectTimeout: .connectTimeout
    case .timeUp: .timeout
    case .cancelled: .cancelled
    case .unverifiable: .certificate
    case .closed: .closed
    }
  }

  private static func fault(of error: NIOHTTP1ProxyConnectHandler.Error) -> TransportFault {
    // Errors are compared by their kind alone.
    let head = HTTPResponseHead(version: .http1_1, status: .badGateway)
    if error == .proxyAuthenticationRequired() { return .proxyUnauthorized }
    let refusals: [NIOHTTP1ProxyConnectHandler.Error] = [
      .invalidProxyResponseHead(head), .invalidProxyResponse(),
    ]
    return refusals.contains(error) ? .proxyRefused : .closed
  }

  private static func fault(of error: ChannelError) -> TransportFault {
    switch error {
    case .connectTimeout: .connectTimeout
    case .eof, .inputClosed: .closed
    default: .reset
    }
  }

  private static func fault(of error: NIOConnectionError) -> TransportFault {
    // Several addresses may have been tried; what the first to be tried says is what a person would expect.
    if let first = error.connectionErrors.first { return fault(of: first.error) }
    return .dns
  }

  private static func fault(ofErrno code: CInt) -> TransportFault {
    switch code {
    case ECONNREFUSED: .connectRefused
    case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN, EADDRNOTAVAIL: .unreachable
    case ETIMEDOUT: .timeout
    default: .reset
    }
  }
}
