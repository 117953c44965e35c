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

  /// Codes that say that the service gave up in the middle.
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
    if (200..<300).contains(answer.status) {
      // A web page with status 200 is a captive portal or a proxy, not the service.
      return answer.mediaType == "text/html" ? .unknown : .accepted
    }
    if let code = answer.code, let outcome = outcome(ofCode: code) { return outcome }
    return switch answer.status {
    case 401, 403: .account
    case 429: .throttled
    case 503: answer.wait == nil ? .unknown : .throttled
    case 408, 425: .unknown
    case 300..<400: .endpoint
    case let status where endpointStatuses.contains(status): .endpoint
    case 400..<500: .content
    default: .unknown
    }
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
