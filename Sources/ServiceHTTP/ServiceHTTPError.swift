package import BatchDomain

/// What can be wrong with what this target is configured with, before anything is sent.
package struct ServiceHTTPError: AdvisedError, Equatable {
  /// What kind of trouble it is.
  package enum Code: String, Sendable, CaseIterable {
    /// The API key cannot be used.
    case keyInvalid = "key_invalid"
    /// The proxy that the environment names cannot be used.
    case proxyInvalid = "proxy_invalid"
    /// The file of certificates that the environment names cannot be used.
    case certificatesInvalid = "certificates_invalid"
  }

  /// What kind of trouble it is.
  package var code: Code
  /// One clear sentence; never contains a key or credentials.
  package var message: String
  /// What the user can do.
  package var remedy: Remedy?

  /// An error with its advice.
  package init(_ code: Code, _ message: String, remedy: Remedy) {
    self.code = code
    self.message = message
    self.remedy = remedy
  }
}
