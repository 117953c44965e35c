package import BatchDomain

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
