package import BatchDomain

/// A run while it goes on, as far as the display has been told. A pure value.
package struct LiveRun: Sendable {
  /// What the run is about.
  package enum Phase: Sendable, Equatable {
    /// It sends.
    case sending
    /// It was asked to stop, and waits for requests under way.
    case stopping
    /// It is given up.
    case cancelling
  }

  /// An attempt that was not accepted.
  package struct Failure: Sendable, Equatable {
    /// The service's code, or the outcome's word.
    package var code: String
    /// What the service said.
    package var message: String?
    /// When it was seen.
    package var at: Timestamp

    /// A failure.
    package init(code: String, message: String?, at: Timestamp) {
      self.code = code
      self.message = message
      self.at = at
    }
  }

  /// How far back the pace of now looks.
  package static let nowWindow: Duration = .seconds(15)

  /// Distinct items.
  package private(set) var items = 0
  /// Chunks and items by state.
  package private(set) var counts = StateCounts()
  /// A wait that holds the run back now.
  package var wait: StoredWait?
  /// What the run is about.
  package var phase = Phase.sending
  /// Whether the store refuses changes, and nothing new is sent; the next change it takes ends that.
  package var hasStoreTrouble = false
  /// The latest attempt that was not accepted.
  package var failure: Failure?
  /// When the run is likely to end, as it was last computed; `nil` where no limit and no window holds it back.
  package var forecast: Forecast?

  /// Whether the run has sending windows.
  package let hasWindows: Bool
  private var startedAt: Duration
  private var chunksAtStart = 0
  private var ofLate = TimeLeft()
  private var ofNow = TimeLeft(window: nowWindow)

  /// A run of which nothing is known yet.
  ///
  /// - Parameters:
  ///   - elapsed: time since some fixed moment, like every other such parameter here.
  ///   - hasWindows: whether the run has sending windows.
  package init(at elapsed: Duration, hasWindows: Bool = false) {
    startedAt = elapsed
    self.hasWindows = hasWindows
  }

  /// Work on the run begins.
  package mutating func start(items: Int, counts: StateCounts, at elapsed: Duration) {
    self.items = items
    startedAt = elapsed
    chunksAtStart = Self.decided(counts)
    observe(counts, at: elapsed)
  }

  /// A chunk moved.
  package mutating func observe(_ counts: StateCounts, at elapsed: Duration) {
    self.counts = counts
    hasStoreTrouble = false
    ofLate.observe(chunks: Self.decided(counts), at: elapsed)
    ofNow.observe(chunks: Self.decided(counts), at: elapsed)
  }

  /// Time passes: without this the pace of now would stay what it was when the last chunk moved.
  package mutating func pass(to elapsed: Duration) {
    ofNow.observe(chunks: Self.decided(counts), at: elapsed)
  }

  /// Time since work began.
  package func age(at elapsed: Duration) -> Duration { elapsed - startedAt }

  /// Chunks decided per second in the last seconds; 0 while none is.
  package var paceNow: Double { ofNow.chunksPerSecond ?? 0 }

  /// Chunks decided per second in the last minutes; `nil` while it is not known.
  package var paceOfLate: Double? { ofLate.chunksPerSecond }

  /// Chunks decided per second since work began; 0 while none is.
  package func average(at elapsed: Duration) -> Double {
    let seconds = age(at: elapsed).inSeconds
    return seconds > 0 ? Double(Self.decided(counts) - chunksAtStart) / seconds : 0
  }

  /// The time left at a moment: by the forecast where a limit or a window holds the run back, else at the pace of late;
  /// `nil` while it cannot be told.
  package func timeLeft(at now: Timestamp) -> Duration? {
    guard !isSettling else { return nil }
    if let forecast, forecast.binding != nil, let end = forecast.endsAt, end > now { return end.since(now) }
    let waiting = max(.zero, wait.map { $0.until.since(now) } ?? .zero)
    return ofLate.estimate(chunksLeft: chunksLeft).map { waiting + $0 }
  }

  /// Whether nothing is left to send, and only lost answers are looked into: how long that takes is the service's matter.
  package var isSettling: Bool {
    counts.chunks(in: .pending, .submitting, .processing) == 0 && counts.chunks(in: .unknown) > 0
  }

  /// Chunks that are still to be decided.
  package var chunksLeft: Int { counts.openChunks }

  /// Items that are decided or given up.
  package var itemsDone: Int { counts.items(in: .accepted, .rejected, .failed, .cancelled) }

  private static func decided(_ counts: StateCounts) -> Int {
    counts.chunks(in: .accepted, .rejected, .failed)
  }
}

/// How long a run still takes, judged by its pace of late. A pure value: told what was done when, it estimates.
package struct TimeLeft: Sendable {
  private struct Sample {
    let at: Duration
    let chunks: Int
  }

  private let window: Duration
  /// Closer samples than that say nothing new and would only cost memory.
  private let distance: Duration
  private var samples: [Sample] = []

  /// An estimate over the last `window` of progress.
  package init(window: Duration = .seconds(300)) {
    self.window = window
    distance = window / 100
  }

  /// Takes note of how many chunks are done.
  ///
  /// - Parameters:
  ///   - chunks: chunks done so far, never fewer than before.
  ///   - at: time since some fixed moment, never going back.
  package mutating func observe(chunks: Int, at: Duration) {
    if samples.count > 1, at - samples[samples.count - 2].at < distance { samples.removeLast() }
    samples.append(Sample(at: at, chunks: chunks))
    while samples.count > 2, at - samples[1].at >= window { samples.removeFirst() }
  }

  /// Chunks done per second over the window; `nil` while there is no time or no progress to judge by.
  package var chunksPerSecond: Double? {
    guard let first = samples.first, let last = samples.last else { return nil }
    let seconds = (last.at - first.at).inSeconds
    let chunks = last.chunks - first.chunks
    return seconds > 0 && chunks > 0 ? Double(chunks) / seconds : nil
  }

  /// The time until that many more chunks are done, at the pace of late; `nil` while there is none.
  package func estimate(chunksLeft: Int) -> Duration? {
    guard chunksLeft > 0 else { return .zero }
    guard let pace = chunksPerSecond else { return nil }
    return Self.held(seconds: Double(chunksLeft) / pace)
  }

  /// The time for the rest of a run after its first answer: by what that request took, with `concurrency`
  /// at once, but never faster than the rates permit.
  ///
  /// With 100 chunks left, 2 s each, 4 at once: 50 s; at most 50 a minute: 2 min.
  package static func afterFirst(
    took: Duration, chunksLeft: Int, concurrency: Int, rates: [Rate]
  ) -> Duration {
    guard chunksLeft > 0 else { return .zero }
    let byLatency = took.inSeconds * (Double(chunksLeft) / Double(max(1, concurrency))).rounded(.up)
    let byRates = rates.map { rate in
      rate.window.duration.inSeconds * Double(chunksLeft) / Double(max(1, rate.count))
    }
    return held(seconds: byRates.reduce(byLatency, max))
  }

  /// At most 100 years, so that no later sum overflows.
  private static func held(seconds: Double) -> Duration { .seconds(min(max(0, seconds), 3_155_760_000)) }
}
