import BatchDomain

extension PauseReason {
  /// Why the run is paused, as a clause.
  var words: String {
    switch self {
    case .signal: "it was asked to stop"
    case .window: "its sending window closed"
    case .throttled: "the service asked for a longer wait than --max-wait permits"
    case .account: "the service refuses the key or the account"
    case .endpoint: "the service's transfers endpoint cannot be used"
    case .index: "the service does not know the index of the items left"
    case .unreachable: "nothing got through for longer than --max-wait"
    case .failures: "more items were refused or failed than --max-failures permits"
    case .store: "the store could not be written"
    case .crash: "its process died"
    }
  }

  /// What to do before it is resumed; `nil` when there is nothing.
  var preparation: String? {
    switch self {
    case .signal, .window, .crash: nil
    case .throttled: "later, or with a longer --max-wait"
    case .account: "once the key and the account are in order"
    case .endpoint: "once the address and the way to it are right (--base-url URL changes the address)"
    case .index: "once the index exists for this account"
    case .unreachable: "once the service can be reached"
    case .failures: "once the causes are understood"
    case .store: "once the disk has space and the database can be written"
    }
  }
}

extension Outcome {
  /// What an attempt came to, for a reader.
  var words: String {
    switch self {
    case .accepted: "accepted"
    case .account: "account refused"
    case .endpoint: "wrong endpoint"
    case .index: "unknown index"
    case .throttled: "throttled"
    case .notProcessed: "not delivered"
    case .unknown: "answer lost"
    case .content: "refused for its content"
    }
  }
}
