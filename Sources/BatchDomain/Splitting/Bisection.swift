/// What is known about a refused chunk when it is decided what follows.
package struct RefusalCircumstances: Sendable, Equatable {
  /// Items in the chunk.
  package var itemCount: Int
  /// Whether it was refused for its size (413).
  package var isTooLarge: Bool
  /// Whether refused chunks are divided at all (`--bisect`).
  package var isBisecting: Bool
  /// What to do about lost answers; only `check` permits to ask the service.
  package var onUnknown: UnknownPolicy
  /// What refusals of this run are known to mean.
  package var trust: RefusalTrust
  /// What became of the other pieces of its planned chunk.
  package var family: ChunkFamily

  /// Circumstances of a refusal.
  package init(
    itemCount: Int, isTooLarge: Bool = false, isBisecting: Bool, onUnknown: UnknownPolicy,
    trust: RefusalTrust, family: ChunkFamily
  ) {
    self.itemCount = itemCount
    self.isTooLarge = isTooLarge
    self.isBisecting = isBisecting
    self.onUnknown = onUnknown
    self.trust = trust
    self.family = family
  }
}

/// What became of the pieces of one planned chunk so far.
package struct ChunkFamily: Sendable, Equatable {
  /// Whether the chunk is a piece of another, and not a planned one.
  package var isPiece: Bool
  /// Whether a refusal of the planned chunk or of a piece of it was looked up, and none of its items was there.
  package var wasLookedUp: Bool
  /// Pieces that were accepted.
  package var accepted: Int
  /// Single items that were rejected, by error code, `http_<status>` where the service gave none.
  package var singleRefusals: [String: Int]

  /// A family as the store has it; without arguments one that has no pieces.
  package init(
    isPiece: Bool = false, wasLookedUp: Bool = false, accepted: Int = 0, singleRefusals: [String: Int] = [:]
  ) {
    self.isPiece = isPiece
    self.wasLookedUp = wasLookedUp
    self.accepted = accepted
    self.singleRefusals = singleRefusals
  }
}

/// Divides a refused chunk until its bad items stand alone: a pure function.
///
/// Halving n items of which k are bad takes at most `2k(ceil(log2(n/k)) + 1)` requests: 50 items with one bad
/// one at most 14.
package enum Bisection {
  /// Single items refused with one code, with nothing accepted, after which the rest of a chunk is rejected as well.
  package static let singlesThatSpeakForAll = 8

  /// Tries a piece has of its own when its chunk was divided because the attempts were used up.
  package static let triesOfAnExhaustedPiece = 2

  /// What to do with a refused chunk.
  package enum Step: Sendable, Equatable {
    /// It is rejected.
    ///
    /// - Parameter withRest: whether what is left of its family is rejected too, without being told apart.
    case reject(withRest: Bool)
    /// Its halves take its place.
    case halve
    /// It is looked up first: some of it may have been taken.
    case lookUp
  }

  /// Decides.
  ///
  /// - Parameter code: the error code of the refusal, `http_<status>` where the service gave none.
  package static func step(code: String, _ circumstances: RefusalCircumstances) -> Step {
    let family = circumstances.family
    var singles = family.singleRefusals
    if circumstances.itemCount == 1, family.isPiece { singles[code, default: 0] += 1 }
    let speakForAll =
      family.accepted == 0 && singles.count == 1 && singles[code, default: 0] >= singlesThatSpeakForAll
    if speakForAll { return .reject(withRest: true) }
    guard circumstances.itemCount > 1, circumstances.isBisecting else { return .reject(withRest: false) }
    guard circumstances.onUnknown == .check else { return .halve }
    switch circumstances.trust {
    case .whole: return .halve
    case .partial: return .lookUp
    // A refusal for size says that the request was not looked into (RFC 9110, 15.5.14). It says nothing about
    // refusals for what is in a request, either.
    case .unproven where circumstances.isTooLarge: return .halve
    // It was looked up once, and as long as nothing of the family was accepted a piece has no better control.
    case .unproven: return family.wasLookedUp && family.accepted == 0 ? .halve : .lookUp
    }
  }

  /// The halves of a chunk whose attempts are used up by answers that say nothing.
  ///
  /// One element that makes the service fail must not fail its neighbours. A piece of several items has few tries,
  /// a single item all of them.
  ///
  /// - Returns: `nil` when it cannot be divided.
  package static func halvesOfExhausted(_ items: Range<Int>, maxAttempts: Int) -> Division? {
    guard items.count > 1 else { return nil }
    return Division(
      Piece.halves(of: items),
      countedAttempts: items.count == 2 ? 0 : max(0, maxAttempts - triesOfAnExhaustedPiece))
  }
}
