import BatchDomain

/// What the service of one world does to its clients.
struct Weather: Sendable {
  /// A way in which a single request goes wrong.
  enum Mishap: String, CaseIterable, Sendable {
    case toldToWait, toldToSlowDown, toldToWaitForNothing, busyWithWait, busy, serverError, statusTimeout,
      webPage
    case refused, reset, hang, slow, quotaUsedUp
  }

  /// A way in which every request goes wrong for a while.
  enum Outage: String, CaseIterable, Sendable {
    case down, erring, hanging, resetting, account, unpaid, endpoint, throttled, indexGone
  }

  /// A while in which every request goes wrong.
  struct Spell: Sendable {
    var from: Duration
    var to: Duration
    var kind: Outage
  }

  /// What the list of tasks is worth.
  enum Listing: String, CaseIterable, Sendable {
    /// It shows everything in time.
    case sound
    /// It fails now and then.
    case failing
    /// It is not there.
    case missing
    /// It never catches up.
    case stuck
    /// It shows ids in the place of names.
    case nameless
    /// It has tasks of others, some without a name.
    case shared
  }

  var mishaps: [Mishap] = []
  /// The share of requests that meet one of them.
  var mishapOdds = 0.0
  var spells: [Spell] = []
  /// How long the service takes to answer at most, as a power of ten of a millisecond.
  var slowness = 2
  /// Whether an answer may come long after the items were taken, rather than at once.
  var answersLate = false
  /// Whether a request that goes wrong may have been worked on in part.
  var takesParts = false
  /// Whether a request that is refused for its content may have been worked on in part.
  var refusalsTakeParts = false
  /// How long after its client has gone a request may still be worked on: less than the client waits to ask.
  var lateness: Duration = .zero
  /// How long after its client gave it up, or a gateway did, a gateway may still hand a request to the service: less than
  /// the client's grace.
  var gatewayLateness: Duration = .zero
  var listing = Listing.sound
  /// How far the list is behind at most. It is never behind by less than 3/5 of that: the client may take
  /// twice what it saw for the most there is.
  var lag: Duration = .zero
  /// How far the service's clock is ahead of the client's.
  var skew: Duration = .zero
  var pageLimit = 10
  /// Objects whose request is refused for its content.
  var poisoned: Set<String> = []
  /// Objects whose request makes the server fail.
  var crashing: Set<String> = []
  /// The most items of a request.
  var sizeLimit: Int?
  /// An index that does not exist.
  var missingIndex: String?
  /// How often an item is really taken when it is taken: anything but once is a fault of the service, which the checker
  /// has to see.
  var timesTaken = 1
}
