package import BatchDomain
package import ServiceHTTP

/// The table of outcomes of the profiles v1 to v1.2: what came of a request means by the service's error code first, by
/// HTTP status second, never by the text of a message. Pure functions; `docs/retry-contract.md` shows the table.
package enum TransferOutcomes {
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
  package static let contentCodes = Repeating.contentCodes

  /// Statuses that speak about the address, not about the chunk, when no code says otherwise.
  package static let endpointStatuses: Set<Int> = [402, 404, 405, 410, 415, 426]

  /// What a request came to.
  package static func outcome(of result: Result<Answer, TransportFailure>) -> Outcome {
    switch result {
    case .failure(let failure): failure.outcome
    case .success(let answer): outcome(of: answer)
    }
  }

  /// What an answer came to.
  package static func outcome(of answer: Answer) -> Outcome {
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

  /// What a request with that many items came to.
  ///
  /// A page that calls a request too large is obeyed as long as a part of it can be sent instead. Of a single item it
  /// is somebody else's word, who does not know the service's limits.
  package static func outcome(of result: Result<Answer, TransportFailure>, items: Int) -> Outcome {
    if case .success(let answer) = result, answer.status == 413, answer.isForeign, items == 1 {
      return answer.code.flatMap(outcome(ofCode:)) ?? .endpoint
    }
    return outcome(of: result)
  }

  /// Why the run has to be paused after a request, whatever it came to for the chunk: something is wrong that only a
  /// person can put right, and every further request meets it again. `nil` when the run goes on.
  package static func pause(after result: Result<Answer, TransportFailure>) -> PauseReason? {
    switch result {
    case .failure(let failure):
      return TransportFailure.personFaults.contains(failure.code) ? .endpoint : nil
    case .success(let answer):
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
    Answer.mayArriveLater(status: status, code: code, unknownCodes: unknownCodes)
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

  // MARK: Results

  /// What came of the request for a chunk, as the dispatcher is told.
  ///
  /// - Parameters:
  ///   - unit: the chunk.
  ///   - wrongEndpoint: the sentence for an answer that the transfers endpoint does not give, without what was answered.
  package static func result(
    of result: Result<Answer, TransportFailure>, _ unit: SendUnit, wrongEndpoint: String
  ) -> SubmissionResult {
    let outcome = outcome(of: result, items: unit.mayBeDivided ? unit.itemCount : 1)
    let pause = pause(after: result)
    switch result {
    case .failure(let failure): return .of(failure, outcome, pause: pause)
    case .success(let answer):
      var result = SubmissionResult.of(
        answer, outcome, isThrottled: answer.code.map(throttleCodes.contains) == true, pause: pause)
      let isWrongEndpoint = outcome == .endpoint || pause == .endpoint
      if isWrongEndpoint, !answer.isForeign { result.pauseText = "\(wrongEndpoint): \(result.text)" }
      return result
    }
  }
}
