internal import BatchDomain

/// What settling remembers from look to look: which absences agreed, which accepted chunks may be witnesses, how far the
/// lists were behind, and whether the clock can be believed.
struct AssetSettlingMemory {
  /// A difference between the machine's clock and the time that passed that is no mere adjustment.
  private static let tolerance: Duration = .seconds(1)
  /// Accepted chunks that are remembered for an unknown one, and for a step, at most: the first ones are the likeliest to
  /// be listed.
  private static let candidateLimit = 5

  private struct Case {
    /// The attempt it is about.
    let attempt: Int
    /// When the first of the looks began that saw nothing of it.
    var absentSince: Timestamp?
    /// Whether any look saw nothing of it.
    var wasMissing = false
    /// Accepted chunks of its step that were begun after its request could arrive, in the order in which they were learnt
    /// of.
    var candidates: [StepAcceptance] = []
  }

  private var cases: [ChunkNumber: Case] = [:]
  /// Accepted chunks that say how far the list is behind, by step, in the order in which they were learnt of.
  private var watched: [ChunkStep: [StepAcceptance]] = [:]
  /// Ids that a look did not show.
  private var missing: Set<String> = []
  /// The longest lag of a list that was measured.
  private(set) var longestLag: Duration = .zero
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

  /// Learns of an accepted chunk that was begun after the request of an unknown one could arrive.
  mutating func learn(_ acceptance: StepAcceptance, for chunk: UnknownChunk) {
    change(chunk) { Self.add(acceptance, to: &$0.candidates) }
  }

  /// Of many, the newest gives way: while sending is fast it is always inside the list's lag.
  private static func add(_ acceptance: StepAcceptance, to known: inout [StepAcceptance]) {
    guard !known.contains(acceptance) else { return }
    if known.count == candidateLimit { known.removeLast() }
    known.append(acceptance)
  }

  /// Accepted chunks that were begun after the request of an unknown one could arrive.
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

  /// Learns of the newest accepted chunk of a step, whenever it was begun; those before it that no look has shown stay.
  mutating func watch(_ newest: StepAcceptance?, of step: ChunkStep) {
    var known = watched[step, default: []].filter { missing.contains($0.externalID) }
    if let newest { Self.add(newest, to: &known) }
    watched[step] = known
  }

  /// The newest accepted chunk of a step, and those before it that no look has shown.
  func watched(of step: ChunkStep) -> [StepAcceptance] { watched[step, default: []] }

  /// Keeps a lag that was measured.
  mutating func keep(_ lag: Duration) { longestLag = max(longestLag, lag) }

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
