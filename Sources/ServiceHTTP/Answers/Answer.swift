package import BatchDomain

/// An answer of the service: as it came, and what ``AnswerReader`` found in it.
package struct Answer: Sendable, Equatable {
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

  /// Why the bytes of a body are not whole.
  package enum Cut: Sendable, Equatable {
    /// The body is longer than was asked for; the rest was not read.
    case limit
    /// It broke off, or time was up.
    case broken(TransportFailure)
  }

  /// HTTP status, 100 to 599.
  package var status: Int
  /// Header lines.
  package var headers = AnswerHeaders()
  /// The body as it came, at most as long as was asked for.
  package var bytes: [UInt8] = []
  /// Why ``bytes`` are not whole; `nil` when they are.
  package var cut: Cut?

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

  /// An answer as it came, of which nothing was read.
  package init(status: Int, headers: AnswerHeaders, bytes: [UInt8] = [], cut: Cut? = nil) {
    self.init(status: status)
    self.headers = headers
    self.bytes = bytes
    self.cut = cut
  }

  /// An answer that says this.
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

extension Answer {
  /// Whether it is visibly not the service's own: a page, or a proxy's demand for a password.
  package var isForeign: Bool { isPage || status == 407 }

  /// Whether its body is what the service sends with a success: JSON, or nothing.
  package var isSuccess: Bool { !isPage && (body == .empty || body == .json) }

  private var isPage: Bool { body == .page || body == .empty && mediaType == "text/html" }
}

/// Header lines of an answer in their order; names are compared without case (RFC 9110 section 5.1).
package struct AnswerHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  private var lines: [Line] = []

  fileprivate struct Line: Sendable, Equatable {
    var name: String
    var value: String
  }

  /// No headers.
  package init() {}

  /// Header lines as they stand in a literal.
  package init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { add(name, value) }
  }

  /// Adds a line.
  package mutating func add(_ name: String, _ value: String) {
    lines.append(Line(name: name, value: value))
  }

  /// Values of all lines of that name, in order.
  package subscript(name: String) -> [String] { lines.filter { $0.isNamed(name) }.map(\.value) }

  /// The lines that speak of limits of the service, as `name: value`, in order.
  package var limitLines: [String] {
    lines.filter { line in
      let name = line.name.lowercased()
      return name.hasPrefix("x-ratelimit") || name.hasPrefix("ratelimit") || name == "retry-after"
    }.map { "\($0.name): \($0.value)" }
  }

  /// Whether there is a line of any of these names.
  func contains(anyOf names: [String]) -> Bool {
    lines.contains { line in names.contains { line.isNamed($0) } }
  }
}

extension AnswerHeaders.Line {
  fileprivate func isNamed(_ other: String) -> Bool {
    // Most names differ in length already.
    name.utf8.count == other.utf8.count
      && zip(name.utf8, other.utf8).allSatisfy { $0.lowerCased == $1.lowerCased }
  }
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

extension TransportFailure {
  /// The code for a name that could not be resolved.
  package static let unresolved = "dns"
  /// The code for a limit on open files that is reached.
  package static let openFiles = "open_files"
  /// The code for an answer that did not come in time.
  package static let timeOut = "timeout"
  /// Codes for faults after which it is not known whether the name could be resolved.
  package static let beforeResolving: Set<String> = [unresolved, openFiles, "connect_timeout", "cancelled"]
  /// Codes for faults that only a person can fix.
  package static let personFaults: Set<String> = [
    "proxy_unauthorized", "certificate", "certificate_expired", "certificate_not_yet_valid",
    "certificate_host",
  ]

  /// What it says about more than its request.
  package var obstacle: SubmissionResult.Obstacle {
    switch code {
    case Self.openFiles: .openFiles
    case Self.unresolved: .unresolvedName
    case let code where Self.beforeResolving.contains(code): .beforeConnecting
    default: .connection
    }
  }

  /// What a request that failed so came to, whatever it asked for: how far it got decides, not what went wrong.
  package var outcome: Outcome {
    switch progress {
    case .notWritten: .notProcessed
    case .maybeWritten: .unknown
    }
  }
}

extension Answer {
  /// Statuses of a gateway that stopped waiting for the service, or lost it, and that may still hold the request:
  /// those of RFC 9110, and those of Cloudflare (520 to 527 and 530) and of other proxies (598, 599).
  package static let heldStatuses: Set<Int> = [
    408, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530, 598, 599,
  ]

  /// Whether a request may still arrive after an attempt that ended like this, because a gateway may hold it.
  ///
  /// - Parameters:
  ///   - status: HTTP status of the answer; `nil` when none came.
  ///   - code: the service's error code, or the transport's code.
  ///   - unknownCodes: codes with which the service says that it stopped in the middle.
  package static func mayArriveLater(status: Int?, code: String?, unknownCodes: Set<String>) -> Bool {
    guard let status else { return code == TransportFailure.timeOut }
    return heldStatuses.contains(status) || code.map(unknownCodes.contains) == true
  }
}

extension SubmissionResult {
  /// A request that failed without an answer.
  package static func of(
    _ failure: TransportFailure, _ outcome: Outcome, pause: PauseReason? = nil
  ) -> Self {
    SubmissionResult(
      outcome, code: failure.code, message: failure.message, obstacle: failure.obstacle, pause: pause,
      text: "\(failure.message) (\(failure.code))")
  }

  /// A request that was answered.
  ///
  /// - Parameter isThrottled: whether the service's code says that there are too many requests.
  package static func of(
    _ answer: Answer, _ outcome: Outcome, isThrottled: Bool = false, pause: PauseReason? = nil
  ) -> Self {
    // With a refusal any wait counts, with a success only one for a quota that is used up or for too many requests.
    let isRefusal = !(200..<300).contains(answer.status)
    return SubmissionResult(
      outcome, status: answer.status, code: answer.code, message: answer.message,
      wait: isRefusal || answer.quotaUsedUp || isThrottled ? answer.wait : nil, pause: pause)
  }
}
