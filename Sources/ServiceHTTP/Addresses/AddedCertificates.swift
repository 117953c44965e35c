internal import BatchDomain
internal import NIOSSL

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Certificates of authorities that are trusted besides the system's, from a file of `SSL_CERT_FILE`.
struct AddedCertificates: Sendable {
  /// The certificates, one at least.
  let certificates: [NIOSSLCertificate]

  /// Reads a file in PEM format with one or more certificates.
  ///
  /// - Parameter variable: where the path comes from, for the error.
  /// - Throws: ``ServiceHTTPError`` with code `certificates_invalid`.
  init(path: String, variable: String) throws(ServiceHTTPError) {
    func refuse(_ what: String) -> ServiceHTTPError {
      ServiceHTTPError(
        .certificatesInvalid, "the file \(VisibleText.escape(path, cutAt: 200)) of $\(variable) \(what)",
        remedy: "name a PEM file with the certificate of the authority to trust, or unset the variable")
    }
    let content: Data
    do {
      content = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw refuse("cannot be read")
    }
    do {
      certificates = try NIOSSLCertificate.fromPEMBytes(Array(content))
    } catch {
      throw refuse("holds no certificate, or one that is damaged")
    }
  }
}
