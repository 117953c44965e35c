/// What came back from the service, decoded leniently; the same for every version of it.
package struct ServiceAnswer: Sendable, Equatable {
  /// HTTP status, 100 to 599.
  package var status: Int
  /// The service's error code (`code`, or `error_code` in v1), a number as its digits; `nil` when the body
  /// has none.
  package var code: String?
  /// The service's message, or what stands in its place, with secrets removed; at most 2 KiB.
  package var message: String?
  /// Media type of the body in lower case without parameters, for example `text/html`.
  package var mediaType: String?
  /// How long the service asks to wait before the next request; `nil` when it does not say.
  package var wait: Duration?
  /// Whether the service said with this answer that nothing more may be sent before ``wait`` is over
  /// (`X-Ratelimit-Remaining: 0`).
  package var quotaUsedUp: Bool

  /// An answer as it was decoded.
  package init(
    status: Int, code: String? = nil, message: String? = nil, mediaType: String? = nil,
    wait: Duration? = nil, quotaUsedUp: Bool = false
  ) {
    self.status = status
    self.code = code
    self.message = message
    self.mediaType = mediaType
    self.wait = wait
    self.quotaUsedUp = quotaUsedUp
  }
}

/// What went wrong before a usable answer was there.
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
  /// A short stable word for the cause, for example `connect_refused` or `timeout`.
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
