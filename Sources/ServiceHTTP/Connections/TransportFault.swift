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
  /// This process, or the machine, can open no more files, and a connection is one.
  case openFiles = "open_files"
  /// The host's name cannot be resolved.
  case dns
  /// Nobody listens at the address.
  case connectRefused = "connect_refused"
  /// The network has no way to the address.
  case unreachable
  /// No connection was ready in time, encryption included.
  case connectTimeout = "connect_timeout"
  /// No encrypted connection came about, or it broke.
  case tls
  /// No authority that this machine trusts signed the certificate of the other side.
  case certificate
  /// The certificate of the other side has expired.
  case certificateExpired = "certificate_expired"
  /// The certificate of the other side is not valid yet.
  case certificateNotYetValid = "certificate_not_yet_valid"
  /// The certificate of the other side is another host's.
  case certificateHost = "certificate_host"
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
    case .dns where OpenFiles.areUsedUp, .tls where stage == .nothing && OpenFiles.areUsedUp:
      self = .openFiles
    default: self = fault
    }
  }

  /// Whether it can only happen before a request is begun.
  var isBeforeRequest: Bool {
    switch self {
    case .openFiles, .dns, .connectRefused, .unreachable, .connectTimeout, .certificate, .certificateExpired,
      .certificateNotYetValid, .certificateHost, .proxyUnauthorized, .proxyRefused:
      true
    case .tls, .resetEarly, .timeout, .reset, .closed, .earlyAnswer, .protocol, .cancelled: false
    }
  }

  /// The fault in words.
  ///
  /// - Parameters:
  ///   - origin: scheme, host and port of the service.
  ///   - proxy: host and port of the proxy that connections go through.
  ///   - detail: what ``detail(of:)`` says about the error.
  func message(origin: String, proxy: String? = nil, detail: String? = nil) -> String {
    let first = proxy.map { "the proxy \($0)" } ?? origin
    let way = proxy == nil ? "" : ", by way of \(first)"
    return switch self {
    case .openFiles:
      "too many open files: a connection to \(first) needs one more than the limit"
        + (OpenFiles.limit.map { " of \($0)" } ?? "") + " (ulimit -n); raise it, or lower --concurrency"
    case .dns: "cannot resolve \(first)"
    case .connectRefused: "connection refused by \(first)"
    case .unreachable: "no route to \(first)"
    case .connectTimeout: "could not connect to \(origin) in time\(way)"
    case .tls: "could not open an encrypted connection to \(origin), or it broke\(way)"
    case .certificate:
      "the certificate of \(origin) "
        + (detail
          ?? "is not signed by an authority that this machine trusts, or an authority's own has expired; "
          + "$SSL_CERT_FILE can name a file with the authority to trust")
    case .certificateExpired: "the certificate of \(origin) \(detail ?? "has expired")"
    case .certificateNotYetValid: "the certificate of \(origin) \(detail ?? "is not valid yet")"
    case .certificateHost:
      "the certificate of \(origin) is another host's; check the address, and whether something on the way "
        + "answers instead"
    case .proxyUnauthorized:
      "\(first) refuses the user name and password in $HTTPS_PROXY, or requires them"
    case .proxyRefused: "\(first) opens no tunnel to \(origin)" + (detail.map { ": it \($0)" } ?? "")
    case .resetEarly: "the connection to \(origin) broke before the request was written\(way)"
    case .timeout: "no whole answer from \(origin) in time"
    case .reset: "the connection to \(origin) was torn down before an answer came"
    case .closed: "\(origin) closed the connection without an answer"
    case .earlyAnswer: "\(origin) took the request before it was written"
    case .protocol: "what \(origin) answered is not HTTP"
    case .cancelled: "the request to \(origin) was given up"
    }
  }

  /// What is known about an error beside its fault, as a part of the sentence; `nil` for most.
  static func detail(of error: any Error) -> String? {
    switch error {
    case let error as CertificateFault: error.detail
    case let error as ProxyRefusal: error.detail
    case ConnectionError.unverifiable:
      "cannot be checked behind a proxy, since the address has no host name; use the service's host name"
    default: nil
    }
  }

  private static func fault(of error: any Error) -> TransportFault {
    switch error {
    case let error as CertificateFault: fault(of: error)
    case let error as ConnectionError: fault(of: error)
    case is ProxyRefusal: .proxyRefused
    case let error as NIOHTTP1ProxyConnectHandler.Error: fault(of: error)
    case let error as NIOConnectionError: fault(of: error)
    case let error as IOError: fault(ofErrno: error.errnoCode)
    case let error as ChannelError: fault(of: error)
    case let error as NIOSSLError: error == .uncleanShutdown ? .closed : .tls
    case is NIOSSLExtraError, is BoringSSLError: .tls
    case let error as HTTPParserError: error == .invalidEOFState ? .closed : .protocol
    case is NIOHTTPDecoderError: .protocol
    case is SocketAddressError, is SocketAddressError.UnknownHost: .dns
    case is CancellationError: .cancelled
    default: .reset
    }
  }

  private static func fault(of error: CertificateFault) -> TransportFault {
    switch error {
    case .expired: .certificateExpired
    case .notYetValid: .certificateNotYetValid
    case .otherHost: .certificateHost
    case .untrusted: .certificate
    }
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
    case let code where OpenFiles.isLimit(code): .openFiles
    default: .reset
    }
  }
}

extension ProxyRefusal {
  /// The status in numbers and in the words of its standard, as a part of a sentence. The proxy's own words are left out:
  /// they are anybody's.
  fileprivate var detail: String {
    switch HTTPResponseStatus(statusCode: status) {
    case .custom: "answers \(status)"
    case let known: "answers \(status) \(known.reasonPhrase)"
    }
  }
}

/// What is wrong with the certificate that the other side shows.
enum CertificateFault: Error {
  /// Its last day is over.
  case expired(at: Timestamp, now: Timestamp)
  /// Its first day is to come.
  case notYetValid(before: Timestamp, now: Timestamp)
  /// It is another host's.
  case otherHost
  /// No authority that is trusted signed it.
  case untrusted

  /// Reads an error of the handshake; `nil` for one that is not about the certificate.
  ///
  /// BoringSSL says no more than that the check failed; which part of it, the dates of the certificate tell.
  ///
  /// - Parameters:
  ///   - certificate: what was shown, where it is known.
  ///   - now: this machine's time.
  init?(_ error: any Error, shown certificate: NIOSSLCertificate?, now: Timestamp) {
    if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
      self = .otherHost
      return
    }
    guard Self.isAboutCertificate(error) else { return nil }
    guard let certificate else {
      self = .untrusted
      return
    }
    let first = Timestamp(milliseconds: Int64(certificate.notValidBefore) * 1_000)
    let last = Timestamp(milliseconds: Int64(certificate.notValidAfter) * 1_000)
    if now > last {
      self = .expired(at: last, now: now)
    } else if now < first {
      self = .notYetValid(before: first, now: now)
    } else {
      self = .untrusted
    }
  }

  /// BoringSSL has a number for it and shows it only as text.
  private static func isAboutCertificate(_ error: any Error) -> Bool {
    switch error {
    case NIOSSLError.handshakeFailed(let reason): "\(reason)".contains("CERTIFICATE_VERIFY_FAILED")
    case is BoringSSLError: "\(error)".contains("CERTIFICATE_VERIFY_FAILED")
    default: false
    }
  }

  /// What is known about it, as a part of a sentence about the certificate.
  var detail: String? {
    switch self {
    case .expired(let moment, let now):
      "expired at \(moment), and the clock of this machine says \(now); have it renewed, or set the clock"
    case .notYetValid(let moment, let now):
      "is not valid before \(moment), and the clock of this machine says \(now); set the clock"
    case .otherHost, .untrusted: nil
    }
  }
}
