internal import BatchDomain

/// What settling remembers from look to look: which absences agreed, which accepted chunks may be witnesses, how far the
/// lists were behind, and whether the clock can be believed.
struct AssetSettlingMemory {
  /// A difference between the machine's clock and the time that passed that is no mere adjustment.
  private static let tolerance: Duration = .seconds(1)
  /// Accepted chunks that are remembered for an unknown one, at most: the first ones are the likeliest to be listed.
  private static let candidateLimit = 5

  private struct Case {
    /// The attempt it is about.
    let attempt: Int
    /// When the first of the looks began that saw nothing of it.
    var absentSince: Timestamp?
    /// Whether any look saw nothing of it.
    var wasMissing = false
    /// Accepted chunks of its step that were begun later, in the order in which they were learnt of.
    var candidates: [StepAcceptance] = []
  }

  private var cases: [ChunkNumber: Case] = [:]
  /// Ids that a look did not show.
  private var missing: Set<String> = []
  private var last: (now: Timestamp, elapsed: Duration)
  /// When the clock was found to have been set forward, and how far.
  private var stepsForward: [(noticedAt: Timestamp, by: Duration)] = []

  /// A memory of nothing.
  init(now: Timestamp, elapsed: Duration) { last = (now, elapsed) }

  /// Compares the machine's clock with the time that passed since it was last looked at.
  mutating func watch(now: Timestamp, elapsed: Duration) {
    let step = now.since(last.now) - (elapsed - last.elapsed)
    if step > Self.tolerance { stepsForward.append((now, step)) }
    last = (now, elapsed)
  }

  /// Time since a moment that only the clock says has passed.
  func skipped(since moment: Timestamp) -> Duration {
    stepsForward.reduce(.zero) { $0 + ($1.noticedAt > moment ? $1.by : .zero) }
  }

  /// The time from a moment to another, without what only the clock says has passed.
  func passed(from moment: Timestamp, to later: Timestamp) -> Duration {
    max(.zero, later.since(moment) - skipped(since: moment))
  }

  // MARK: Chunks

  private mutating func change(_ chunk: UnknownChunk, _ change: (inout Case) -> Void) {
    var known = cases[chunk.number] ?? Case(attempt: chunk.attempt)
    if known.attempt != chunk.attempt { known = Case(attempt: chunk.attempt) }
    change(&known)
    cases[chunk.number] = known
  }

  /// Learns of an accepted chunk that was begun after the last attempt of an unknown one had ended.
  mutating func learn(_ acceptance: StepAcceptance?, for chunk: UnknownChunk) {
    change(chunk) { known in
      guard let acceptance, !known.candidates.contains(acceptance) else { return }
      // Of many, the newest gives way: while sending is fast it is always inside the list's lag.
      if known.candidates.count == Self.candidateLimit { known.candidates.removeLast() }
      known.candidates.append(acceptance)
    }
  }

  /// Accepted chunks that were begun after the last attempt of an unknown one had ended.
  func candidates(for chunk: UnknownChunk) -> [StepAcceptance] { cases[chunk.number]?.candidates ?? [] }

  /// A look saw nothing of the chunk.
  mutating func miss(_ chunk: UnknownChunk) { change(chunk) { $0.wasMissing = true } }

  /// Whether an earlier look saw nothing of the chunk.
  func wasMissing(_ chunk: UnknownChunk) -> Bool {
    cases[chunk.number].map { $0.attempt == chunk.attempt && $0.wasMissing } ?? false
  }

  /// Takes note of an absence that counts.
  ///
  /// - Returns: when the first look began that saw the same, if there was one before this.
  mutating func agree(_ chunk: UnknownChunk, at moment: Timestamp) -> Timestamp? {
    let first = cases[chunk.number].flatMap { $0.attempt == chunk.attempt ? $0.absentSince : nil }
    if first == nil { change(chunk) { $0.absentSince = moment } } else { forget(chunk) }
    return first
  }

  /// A look saw something else, or nothing that counts.
  mutating func disagree(_ chunk: UnknownChunk) { change(chunk) { $0.absentSince = nil } }

  /// The chunk is decided.
  mutating func forget(_ chunk: UnknownChunk) { cases[chunk.number] = nil }

  // MARK: Lags

  /// Learns whether a list shows an accepted chunk.
  ///
  /// - Returns: how far behind it was, where an earlier look did not show the chunk: then that was measured. A chunk that
  ///   the first look at it shows may have been there for long.
  mutating func note(_ acceptance: StepAcceptance, isShown: Bool, at moment: Timestamp) -> ListingLag? {
    guard isShown else {
      missing.insert(acceptance.externalID)
      return nil
    }
    guard missing.remove(acceptance.externalID) != nil else { return nil }
    return ListingLag(
      acceptedAt: acceptance.acceptedAt, lag: passed(from: acceptance.startedAt, to: moment))
  }
}
