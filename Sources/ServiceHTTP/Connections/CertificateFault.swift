internal import BatchDomain
internal import NIOSSL

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
