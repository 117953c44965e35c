/// The one place that says what an exchange means: by the service's error code first, by HTTP status second,
/// never by the text of a message. A pure function; `docs/retry-contract.md` shows it as a table.
package enum RetryContract {
  /// Codes that say something about the account or its key, whatever the status they come with
  /// (`insufficient_funds` is documented as a 400).
  package static let accountCodes: Set<String> = [
    "api_key_invalid", "unauthorized", "api_not_allowed", "api_allowed_for_paid_plan", "region_not_allowed",
    "usage_limit_exceeded", "insufficient_funds",
  ]

  /// Codes that say that the address is not the endpoint this program needs.
  package static let endpointCodes: Set<String> = ["api_upgrade_required"]

  /// Codes that say that the index does not exist.
  package static let indexCodes: Set<String> = ["resource_not_exist"]

  /// Codes that say that there are too many requests.
  package static let throttleCodes: Set<String> = ["too_many_requests"]

  /// Codes that say that the service stopped in the middle.
  package static let unknownCodes: Set<String> = ["request_canceled_or_timed_out"]

  /// Codes that say that something in the request is wrong.
  package static let contentCodes: Set<String> = [
    "parameter_invalid", "parameter_not_provided", "parameter_unknown", "tags_not_allowed",
    "video_resolution_too_low", "video_resolution_too_high", "video_resolution_invalid_aspect_ratio",
    "video_duration_too_short", "video_duration_too_long", "video_file_broken", "video_filesize_too_large",
    "unsupported_file_type", "audio_file_broken",
  ]

  /// Statuses that speak about the address, not about the chunk, when no code says otherwise.
  package static let endpointStatuses: Set<Int> = [402, 404, 405, 410, 415, 426]

  /// Codes of the transport for faults that only a person can fix.
  package static let personFaults: Set<String> = [
    "proxy_unauthorized", "certificate", "certificate_expired", "certificate_not_yet_valid",
    "certificate_host",
  ]

  /// The transport's code for a name that could not be resolved.
  package static let unresolved = "dns"
  /// The transport's code for a limit on open files that is reached.
  package static let openFiles = "open_files"
  /// Codes of the transport for faults after which it is not known whether the name could be resolved.
  package static let faultsBeforeResolving: Set<String> = [
    unresolved, openFiles, "connect_timeout", "cancelled",
  ]
  /// The transport's code for an answer that did not come in time.
  package static let timeOut = "timeout"

  /// Statuses of a gateway that stopped waiting for the service, or lost it, and that may still hold the request:
  /// those of RFC 9110, and those of Cloudflare (520 to 527 and 530) and of other proxies (598, 599).
  package static let heldStatuses: Set<Int> = [
    408, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530, 598, 599,
  ]

  /// What an exchange came to.
  package static func outcome(of exchange: Exchange) -> Outcome {
    switch exchange {
    case .failed(let failure):
      switch failure.progress {
      case .notWritten: .notProcessed
      case .maybeWritten: .unknown
      }
    case .answered(let answer):
      outcome(of: answer)
    }
  }

  /// What an answer came to.
  package static func outcome(of answer: ServiceAnswer) -> Outcome {
    let ofCode = answer.code.flatMap(outcome(ofCode:))
    if (200..<300).contains(answer.status) {
      // A page with status 200 is a captive portal's or a proxy's. Some gateways answer errors with 200, too.
      return answer.isSuccess && ofCode == nil ? .accepted : .unknown
    }
    if let ofCode { return ofCode }
    return switch answer.status {
    case 429: .throttled
    case 503: answer.wait == nil ? .unknown : .throttled
    case 408, 425: .unknown
    case 300..<400: .endpoint
    case 413: .content
    case 400..<500 where answer.isForeign: .endpoint
    case 401, 403: .account
    case let status where endpointStatuses.contains(status): .endpoint
    // Its sender is not known, so it refuses nothing.
    case 400..<500: answer.body == .unreadable ? .endpoint : .content
    default: .unknown
    }
  }

  /// What an exchange about that many items came to.
  ///
  /// A page that says that the request is too large divides the chunk, as long as it can be divided. For a single
  /// item it is a fault of the endpoint: a gateway has a lower limit than the service.
  package static func outcome(of exchange: Exchange, items: Int) -> Outcome {
    if case .answered(let answer) = exchange, answer.status == 413, answer.isForeign, items == 1 {
      return answer.code.flatMap(outcome(ofCode:)) ?? .endpoint
    }
    return outcome(of: exchange)
  }

  /// Why the run has to be paused after an exchange, whatever it means for the chunk: a fault that only a person can
  /// fix, and that every further request would meet again. `nil` when the run goes on.
  package static func pause(after exchange: Exchange) -> PauseReason? {
    switch exchange {
    case .failed(let failure):
      return personFaults.contains(failure.code) ? .endpoint : nil
    case .answered(let answer):
      // An error in a success: the chunk is looked up, since the status says that it was taken.
      guard (200..<300).contains(answer.status), let code = answer.code else { return nil }
      return switch outcome(ofCode: code) {
      case .account: .account
      case .endpoint: .endpoint
      default: nil
      }
    }
  }

  /// Whether a request may still arrive after an attempt that ended like this, because a gateway may hold it.
  /// Settling then waits for `--settle-grace`.
  ///
  /// - Parameters:
  ///   - status: HTTP status of the answer; `nil` when none came.
  ///   - code: the service's error code, or the transport's code.
  package static func mayArriveLater(status: Int?, code: String?) -> Bool {
    guard let status else { return code == timeOut }
    return heldStatuses.contains(status) || code.map(unknownCodes.contains) == true
  }

  /// What an error code says by itself; `nil` for a code that is not in the table.
  package static func outcome(ofCode code: String) -> Outcome? {
    if accountCodes.contains(code) { return .account }
    if endpointCodes.contains(code) { return .endpoint }
    if indexCodes.contains(code) { return .index }
    if throttleCodes.contains(code) { return .throttled }
    if unknownCodes.contains(code) { return .unknown }
    if contentCodes.contains(code) { return .content }
    return nil
  }
}
