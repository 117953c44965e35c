package import BatchDomain
package import ServiceHTTP

/// The table of outcomes of profile v1.3: what came of a request for a step means by the service's error code first, by
/// HTTP status second, never by the text of a message. Pure functions; `docs/retry-contract.md` shows the table.
package enum AssetOutcomes {
  /// What an error code says by itself.
  package enum Meaning: Sendable, Hashable, CaseIterable {
    /// The account or its key, whatever the status it comes with.
    case account
    /// The address is not the endpoint this program needs, or the request has not the form it takes.
    case endpoint
    /// Something that the request names does not exist.
    case missing
    /// There are too many requests.
    case throttled
    /// The service stopped in the middle.
    case stopped
    /// Something in the request is wrong.
    case content
  }

  /// Codes of the service, by what they say. Codes about a video are known by how they begin, too.
  package static let codes: [Meaning: Set<String>] = [
    .account: [
      "api_key_invalid", "unauthorized", "api_not_allowed", "api_allowed_for_paid_plan", "region_not_allowed",
      "usage_limit_exceeded", "insufficient_funds",
    ],
    .endpoint: ["api_upgrade_required", "content_type_invalid"],
    .missing: ["not_found", "resource_not_exist"],
    .throttled: ["too_many_requests"],
    .stopped: ["request_canceled_or_timed_out"],
    .content: Repeating.contentCodes,
  ]

  /// What codes about a video begin with.
  package static let videoPrefixes = ["video_", "audio_"]

  /// Statuses that speak about the address, not about the chunk, when no code says otherwise.
  package static let endpointStatuses: Set<Int> = [402, 405, 410, 415, 426]

  /// What an error code says by itself; `nil` for a code that is not in the table.
  package static func meaning(ofCode code: String) -> Meaning? {
    if isAboutVideo(code: code) { return .content }
    return Meaning.allCases.first { codes[$0]?.contains(code) == true }
  }

  /// Whether a code is about the video itself, so that it says nothing about those after it.
  package static func isAboutVideo(code: String?) -> Bool {
    guard let code else { return false }
    return code == "unsupported_file_type" || videoPrefixes.contains { code.utf8.starts(with: $0.utf8) }
  }

  /// What a request for a step came to.
  package static func outcome(of result: Result<CreationAnswer, TransportFailure>, _ step: ChunkStep)
    -> Outcome
  {
    switch result {
    case .failure(let failure): failure.outcome
    case .success(let made): outcome(of: made, step)
    }
  }

  /// What an answer to a request for a step came to.
  package static func outcome(of made: CreationAnswer, _ step: ChunkStep) -> Outcome {
    let answer = made.answer
    let meaning = answer.code.flatMap(meaning(ofCode:))
    if (200..<300).contains(answer.status) {
      // The id is all that the answer gives: without it nothing can be followed, and it is looked up.
      return made.id != nil && answer.isSuccess && meaning == nil ? .accepted : .unknown
    }
    if let meaning { return outcome(of: meaning, step) }
    return switch answer.status {
    case 429: .throttled
    case 503: answer.wait == nil ? .unknown : .throttled
    case 408, 425: .unknown
    case 300..<400: .endpoint
    case 400..<500 where answer.isForeign: .endpoint
    case 401, 403: .account
    case let status where endpointStatuses.contains(status): .endpoint
    case 404: answer.body == .unreadable ? .endpoint : outcome(of: .missing, step)
    // Its sender is not known, so it refuses nothing.
    case 400..<500: answer.body == .unreadable ? .endpoint : .content
    default: .unknown
    }
  }

  /// What a code comes to at a step.
  ///
  /// The address under which assets are made names nothing that could be missing, so it is no such endpoint. Beside an
  /// index and an asset it is a refusal: which of the two is missing is looked up (``AssetsService/step(after:)``).
  package static func outcome(of meaning: Meaning, _ step: ChunkStep) -> Outcome {
    switch meaning {
    case .account: .account
    case .endpoint: .endpoint
    case .missing: step == .upload ? .endpoint : .content
    case .throttled: .throttled
    case .stopped: .unknown
    case .content: .content
    }
  }

  /// Why the run has to be paused after a request, whatever it came to for the chunk; `nil` when the run goes on.
  package static func pause(after result: Result<CreationAnswer, TransportFailure>) -> PauseReason? {
    switch result {
    case .failure(let failure):
      return TransportFailure.personFaults.contains(failure.code) ? .endpoint : nil
    case .success(let made):
      // An error in a success: the chunk is looked up, since the status says that it was taken.
      guard (200..<300).contains(made.answer.status) else { return nil }
      return switch made.answer.code.flatMap(meaning(ofCode:)) {
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
    Answer.mayArriveLater(status: status, code: code, unknownCodes: codes[.stopped] ?? [])
  }

  // MARK: Results

  /// What came of the request for a step of a chunk, as the dispatcher is told.
  ///
  /// - Parameters:
  ///   - asset: the asset that was to be added to an index.
  ///   - wrongEndpoint: the sentence for an answer that the endpoint does not give, without what was answered.
  package static func result(
    of result: Result<CreationAnswer, TransportFailure>, _ step: ChunkStep, asset: String? = nil,
    wrongEndpoint: String
  ) -> SubmissionResult {
    let outcome = outcome(of: result, step)
    let pause = pause(after: result)
    switch result {
    case .failure(let failure): return .of(failure, outcome, pause: pause)
    case .success(let made):
      var result = SubmissionResult.of(
        made.answer, outcome, isThrottled: isThrottled(made.answer), pause: pause)
      if outcome == .accepted, let asset, let said = made.asset, !said.utf8.elementsEqual(asset.utf8) {
        return .doubted(
          result, code: otherAssetCode,
          "the answer is about another asset than \(asset), which was sent: whether it was added to the index is looked up"
        )
      }
      if outcome == .accepted {
        result.externalID = made.id
        result.isDone = step == .index || made.status == AssetStatus.ready
        result.mediaLength = made.duration
      }
      if outcome == .content { result.isAboutItem = isAboutVideo(code: made.answer.code) }
      if outcome == .endpoint || pause == .endpoint, !made.answer.isForeign {
        result.pauseText = "\(wrongEndpoint): \(result.text)"
      }
      return result
    }
  }

  /// The code of a success that names another asset than the one that was sent.
  package static let otherAssetCode = "other_asset"
  /// The code of a success with an id that the service gave for another chunk of the run.
  package static let takenIDCode = "id_taken"

  private static func isThrottled(_ answer: Answer) -> Bool {
    answer.code.flatMap(meaning(ofCode:)) == .throttled
  }
}

extension SubmissionResult {
  /// A success that cannot be about what was sent: what became of that is not known.
  static func doubted(_ result: SubmissionResult, code: String, _ message: String) -> SubmissionResult {
    SubmissionResult(
      .unknown, status: result.status, code: code, message: message, wait: result.wait, pause: result.pause)
  }
}

extension ListingFailure {
  /// What was read is not what was asked for, in one clause.
  static func unreadable(_ message: String) -> ListingFailure {
    .refused(Answer(status: 200, code: PageReader.unreadableCode, message: message))
  }

  /// What a request that only reads came to: `content` where something else is wrong with it.
  var outcome: Outcome {
    switch self {
    case .refused(let answer): AssetOutcomes.outcome(of: CreationAnswer(answer), .upload)
    case .transport(let failure): failure.outcome
    }
  }

  /// Whether the service told it to come back later, and for how long.
  var throttling: (isThrottled: Bool, asked: Duration?) {
    guard case .refused(let answer) = self, outcome == .throttled else { return (false, nil) }
    return (true, answer.wait)
  }

  /// Whether the service says that what the request names does not exist: 404, or 400 with a code that says so.
  var isMissing: Bool {
    guard case .refused(let answer) = self, !answer.isForeign, (400..<500).contains(answer.status) else {
      return false
    }
    guard let meaning = answer.code.flatMap(AssetOutcomes.meaning(ofCode:)) else {
      return answer.status == 404
    }
    return meaning == .missing
  }

  /// Why the run has to be paused: every further request meets the same. `nil` when the run goes on.
  var pause: PauseReason? {
    switch self {
    case .transport(let failure):
      return TransportFailure.personFaults.contains(failure.code) ? .endpoint : nil
    case .refused:
      return switch outcome {
      case .account: .account
      case .endpoint: .endpoint
      default: nil
      }
    }
  }
}
