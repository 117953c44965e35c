internal import BatchDomain

/// Divides a refused chunk until its bad items stand alone: pure functions.
///
/// Halving n items of which k are bad takes at most `2k(ceil(log2(n/k)) + 1)` requests: 50 items with one bad
/// one at most 14.
enum Bisection {
  /// Single items refused with one code, with nothing accepted, after which the rest of a chunk is rejected as well.
  static let singlesThatSpeakForAll = 8

  /// Tries a piece has of its own when its chunk was divided because the attempts were used up.
  static let triesOfAnExhaustedPiece = 2

  /// What to do with a refused chunk.
  static func step(after refusal: Refusal) -> RefusalStep {
    let family = refusal.history.family
    // The codes of single items are recorded so.
    let code = refusal.code ?? refusal.status.map { "http_\($0)" } ?? ""
    var singles = family.singleRefusals
    if refusal.items.count == 1, family.isPiece { singles[code, default: 0] += 1 }
    let speakForAll =
      family.accepted == 0 && singles.count == 1 && singles[code, default: 0] >= singlesThatSpeakForAll
    if speakForAll { return .reject(withRest: true) }
    guard refusal.isBisecting, let halves = division(of: refusal.items, because: .refused) else {
      return .reject(withRest: false)
    }
    guard refusal.mayAsk else { return .divide(halves) }
    switch refusal.history.semantics {
    case .whole: return .divide(halves)
    case .partial: return .lookUp
    // A refusal for size says that the request was not looked into (RFC 9110, 15.5.14). It says nothing about
    // refusals for what is in a request, either.
    case .unproven where refusal.status == 413: return .divide(halves)
    // It was looked up once, and as long as nothing of the family was accepted a piece has no better witness.
    case .unproven: return family.wasLookedUp && family.accepted == 0 ? .divide(halves) : .lookUp
    }
  }

  /// The halves of a chunk; `nil` for a single item.
  ///
  /// A chunk whose attempts are used up by answers that say nothing is divided because one element that makes the service
  /// fail must not fail its neighbours. A piece of several items then has few tries, a single item all of them.
  static func division(of items: Range<Int>, because cause: Division.Cause) -> Division? {
    guard items.count > 1 else { return nil }
    switch cause {
    case .refused: return Division(Piece.halves(of: items))
    case .exhausted(let maxAttempts):
      return Division(
        Piece.halves(of: items),
        countedAttempts: items.count == 2 ? 0 : max(0, maxAttempts - triesOfAnExhaustedPiece))
    }
  }
}
