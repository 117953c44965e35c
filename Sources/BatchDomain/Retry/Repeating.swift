/// Whether sending the same items again can have another result.
package enum Repeating: Sendable, Hashable {
  /// What has to be fixed first.
  package enum Change: String, Sendable {
    /// The key, or the account behind it.
    case account
    /// The address of the service.
    case address
    /// The index: it has to exist for this account.
    case index
  }

  /// It can: the last outcome says nothing about the items.
  case helps
  /// It can, once something is fixed.
  case helpsAfter(Change)
  /// It cannot: the service refuses the same items again.
  case refusedAgain
  /// Not known: the service refused the items, and its code says nothing about them.
  case unclear
}

extension Repeating {
  /// Codes of the service, in every generation of its API, that say that something in the request is wrong.
  package static let contentCodes: Set<String> = [
    "parameter_invalid", "parameter_not_provided", "parameter_unknown", "tags_not_allowed",
    "video_resolution_too_low", "video_resolution_too_high", "video_resolution_invalid_aspect_ratio",
    "video_duration_too_short", "video_duration_too_long", "video_file_broken", "video_filesize_too_large",
    "unsupported_file_type", "audio_file_broken",
  ]

  /// Whether repeating can help after an attempt that came to this.
  ///
  /// Only codes that are known to speak about what is in the request rule it out; the service does not say which of
  /// its codes are worth repeating.
  package init(after outcome: Outcome, code: String?) {
    self =
      switch outcome {
      case .accepted, .throttled, .notProcessed, .unknown: .helps
      case .account: .helpsAfter(.account)
      case .endpoint: .helpsAfter(.address)
      case .index: .helpsAfter(.index)
      case .content: code.map(Self.contentCodes.contains) == true ? .refusedAgain : .unclear
      }
  }
}
