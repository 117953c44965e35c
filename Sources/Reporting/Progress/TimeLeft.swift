package import BatchDomain

/// How long a run still takes, judged by its pace of late. A pure value: told what was done when, it estimates.
package struct TimeLeft: Sendable {
  private struct Sample {
    let at: Duration
    let chunks: Int
  }

  private let window: Duration
  private var samples: [Sample] = []

  /// An estimate over the last `window` of progress.
  package init(window: Duration = .seconds(300)) { self.window = window }

  /// Takes note of how many chunks are done.
  ///
  /// - Parameters:
  ///   - chunks: chunks done so far, never fewer than before.
  ///   - at: time since some fixed moment, never going back.
  package mutating func observe(chunks: Int, at: Duration) {
    // Closer samples than a hundredth of the window say nothing new and would only cost memory.
    if samples.count > 1, at - samples[samples.count - 2].at < window / 100 { samples.removeLast() }
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
