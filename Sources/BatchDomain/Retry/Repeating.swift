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

extension RetryContract {
  /// Whether repeating can help after an attempt that came to this.
  ///
  /// Only codes that are known to speak about what is in the request rule it out; the service does not say which of
  /// its codes are worth repeating.
  package static func repeating(_ outcome: Outcome, code: String?) -> Repeating {
    switch outcome {
    case .accepted, .throttled, .notProcessed, .unknown: .helps
    case .account: .helpsAfter(.account)
    case .endpoint: .helpsAfter(.address)
    case .index: .helpsAfter(.index)
    case .content: code.map(contentCodes.contains) == true ? .refusedAgain : .unclear
    }
  }
}
