internal import BatchDomain
internal import NIOSSL

/// The way to the service as the environment describes it: a proxy, and certificates trusted besides the system's.
///
/// Reads only what that way needs: an address on this machine ignores proxies, and one without encryption ignores
/// certificates, whatever the variables hold.
package struct ServiceRoute: Sendable {
  /// Straight to the service, trusting what the system trusts.
  package static let direct = ServiceRoute(proxy: nil, certificates: nil)

  /// What connections go through; `nil` means straight to the service.
  let proxy: HTTPProxy?
  /// What is trusted besides the system's certificates.
  let certificates: AddedCertificates?

  private init(proxy: HTTPProxy?, certificates: AddedCertificates?) {
    self.proxy = proxy
    self.certificates = certificates
  }

  /// The way to an address.
  ///
  /// - Parameters:
  ///   - baseURL: the address, as `BaseURLText` has it.
  ///   - environment: variables `https_proxy` or `HTTPS_PROXY`, `no_proxy` or `NO_PROXY`, and `SSL_CERT_FILE`; of
  ///     two spellings the small one wins, as with other tools, and an empty one counts as not set.
  /// - Throws: ``ServiceHTTPError`` with code `proxy_invalid` or `certificates_invalid`.
  package init(to baseURL: String, environment: [String: String]) throws(ServiceHTTPError) {
    let origin = ServiceOrigin(baseURL)
    guard origin.isEncrypted else {
      self = .direct
      return
    }
    func variable(_ names: String...) -> (name: String, value: String)? {
      for name in names {
        if let value = environment[name], !value.isEmpty { return (name, value) }
      }
      return nil
    }
    var proxy: HTTPProxy?
    let exceptions = ProxyExceptions(variable("no_proxy", "NO_PROXY")?.value ?? "")
    if let (name, text) = variable("https_proxy", "HTTPS_PROXY"),
      !origin.isLoopback, !exceptions.contain(host: origin.host, port: origin.port)
    {
      proxy = try HTTPProxy(text, variable: name)
    }
    var certificates: AddedCertificates?
    if let (name, path) = variable("SSL_CERT_FILE") {
      certificates = try AddedCertificates(path: path, variable: name)
    }
    self.init(proxy: proxy, certificates: certificates)
  }
}

extension ServiceRoute {
  /// The proxy that connections are tunnelled through, for code that makes connections of another kind; `nil` means none.
  package var tunnel: (host: String, port: Int, credentials: (user: String, password: String)?)? {
    proxy.map { ($0.host, $0.port, $0.credentials.map { ($0.user, $0.password) }) }
  }

  /// Whether certificates are trusted besides the system's.
  package var hasAddedCertificates: Bool { certificates != nil }
}

extension Scrubber {
  /// A scrubber for that key, for what the way to the service has of secrets, and for others.
  ///
  /// - Parameter register: secrets that become known later.
  package init(
    key: APIKey, route: ServiceRoute, secrets: [String] = [], register: SecretRegister? = nil
  ) {
    self.init(key: key, secrets: (route.proxy?.secrets ?? []) + secrets, register: register)
  }
}

/// Scheme, host and port of a checked address.
struct ServiceOrigin: Sendable, Equatable {
  /// Whether the scheme is `https`.
  let isEncrypted: Bool
  /// Host in lower case; an IPv6 address without its brackets.
  let host: String
  /// Port, the scheme's own where the address has none.
  let port: Int

  /// Takes an address apart that was checked before (`BaseURLText`).
  init(_ baseURL: String) {
    let parts = baseURL.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    isEncrypted = parts[0] == "https:"
    let authority = parts.count > 2 ? parts[2] : ""
    let hostEnd = authority.lastIndex(of: "]") ?? authority.startIndex
    let colon = authority[hostEnd...].firstIndex(of: ":")
    host = authority[..<(colon ?? authority.endIndex)].filter { $0 != "[" && $0 != "]" }.lowercased()
    let ownPort = isEncrypted ? 443 : 80
    port = colon.flatMap { Int(authority[authority.index(after: $0)...]) } ?? ownPort
  }

  /// Whether the host is this machine whatever a name server says.
  var isLoopback: Bool { WebAddress.isThisMachine(host) }
}

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
