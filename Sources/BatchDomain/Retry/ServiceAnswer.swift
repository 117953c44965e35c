/// An answer of the service, decoded leniently; the same for every version.
package struct ServiceAnswer: Sendable, Equatable {
  /// The kind of a body, which helps to tell whether the answer is the service's own.
  package enum Body: String, Sendable, CaseIterable {
    /// There is none.
    case empty
    /// JSON of any kind; of one that is too long to be read whole, its beginning.
    case json
    /// A page of HTML or another kind of XML. The service sends none: a proxy or a gateway does.
    case page
    /// In a coding that this program does not read and did not ask for.
    case unreadable
    /// Anything else, an unfinished body included.
    case other
  }

  /// HTTP status, 100 to 599.
  package var status: Int
  /// The service's error code (`code`, or `error_code` in v1), a number as its digits; `nil` when the body
  /// has none.
  package var code: String?
  /// The service's message, or what stands in its place, with secrets removed; at most 2 KiB.
  package var message: String?
  /// Media type of the body in lower case without parameters, for example `text/html`.
  package var mediaType: String?
  /// What the body is.
  package var body: Body
  /// How long the service asks to wait before the next request; `nil` when it does not say.
  package var wait: Duration?
  /// Whether the service said with this answer that nothing more may be sent before ``wait`` is over
  /// (`X-Ratelimit-Remaining: 0`).
  package var quotaUsedUp: Bool

  /// An answer as it was decoded.
  package init(
    status: Int, code: String? = nil, message: String? = nil, mediaType: String? = nil,
    body: Body = .empty, wait: Duration? = nil, quotaUsedUp: Bool = false
  ) {
    self.status = status
    self.code = code
    self.message = message
    self.mediaType = mediaType
    self.body = body
    self.wait = wait
    self.quotaUsedUp = quotaUsedUp
  }
}

extension ServiceAnswer {
  /// Whether it is visibly not the service's own: a page, or a proxy's demand for a password.
  package var isForeign: Bool { isPage || status == 407 }

  /// Whether its body is what the service sends with a success: JSON, or nothing.
  var isSuccess: Bool { !isPage && (body == .empty || body == .json) }

  private var isPage: Bool { body == .page || body == .empty && mediaType == "text/html" }
}

/// Why there is no usable answer.
package struct TransportFailure: Error, Sendable, Equatable {
  /// How far the request got.
  package enum Progress: String, Sendable, CaseIterable {
    /// The request provably was not written to its end: refused connection, DNS, TLS, a break before that.
    case notWritten
    /// The request may have been written to its end, and no answer came: time-out or break.
    case maybeWritten
  }

  /// How far the request got.
  package var progress: Progress
  /// A short stable code for the cause, for example `connect_refused` or `timeout`.
  package var code: String
  /// The cause in words, with secrets removed.
  package var message: String

  /// A failure as the transport saw it.
  package init(progress: Progress, code: String, message: String) {
    self.progress = progress
    self.code = code
    self.message = message
  }
}

/// What one exchange with the service came to, before it is judged.
package enum Exchange: Sendable, Equatable {
  /// An answer came.
  case answered(ServiceAnswer)
  /// No usable answer came.
  case failed(TransportFailure)
}
