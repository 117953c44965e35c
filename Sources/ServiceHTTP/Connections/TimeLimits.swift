internal import BatchDomain
internal import NIOConcurrencyHelpers

/// The time limits of requests under way, on the injected clock.
///
/// Limits of one length end in the order they began, so that one sleep serves all requests of that length, however
/// many there are; a sleep for each would outlive its request in the timers of the system.
final class TimeLimits: Sendable {
  /// What a limit is known by until it is lifted.
  struct Ticket: Sendable {
    fileprivate let length: Duration
    fileprivate let number: Int
  }

  private struct Limit {
    let end: Duration
    let pass: @Sendable () -> Void
  }

  private struct Queue {
    var limits: [Int: Limit] = [:]
    /// The number of the oldest limit that may still be there.
    var oldest = 0
    var next = 0
    var isWatched = false

    mutating func first() -> Limit? {
      while oldest < next {
        if let limit = limits[oldest] { return limit }
        oldest += 1
      }
      return nil
    }

    mutating func takeFirst(until end: Duration) -> Limit? {
      guard let limit = first(), limit.end <= end else { return nil }
      limits[oldest] = nil
      return limit
    }
  }

  private let clock: any BatchClock
  private let queues = NIOLockedValueBox<[Duration: Queue]>([:])

  /// No limits yet.
  init(clock: any BatchClock) { self.clock = clock }

  /// Begins a limit.
  ///
  /// - Parameters:
  ///   - length: how long from now.
  ///   - pass: called once the time is up, unless ``lift(_:)`` comes first.
  func begin(_ length: Duration, pass: @escaping @Sendable () -> Void) -> Ticket {
    let end = clock.elapsed() + length
    let (ticket, isFirst) = queues.withLockedValue { queues in
      var queue = queues[length] ?? Queue()
      let ticket = Ticket(length: length, number: queue.next)
      queue.limits[queue.next] = Limit(end: end, pass: pass)
      queue.next += 1
      let isFirst = !queue.isWatched
      queue.isWatched = true
      queues[length] = queue
      return (ticket, isFirst)
    }
    if isFirst { Task { await watch(length) } }
    return ticket
  }

  /// Tells at any moment whether a limit that begins now has ended: for what must not leave late although nothing has rung yet,
  /// in a process that did not get to run for a while.
  func deadline(_ length: Duration) -> @Sendable () -> Bool {
    let end = clock.elapsed() + length
    return { [clock] in clock.elapsed() >= end }
  }

  /// Ends a limit whose request is over.
  func lift(_ ticket: Ticket) {
    queues.withLockedValue { $0[ticket.length]?.limits[ticket.number] = nil }
  }

  /// Sleeps until the oldest limit ends, and again, as long as there is one.
  private func watch(_ length: Duration) async {
    while let end = nextEnd(of: length) {
      do {
        try await clock.sleep(for: end - clock.elapsed())
      } catch {
        // Nobody cancels this task. A clock that cannot sleep would leave requests without a limit: theirs ends now.
        for limit in takeAll(of: length) { limit.pass() }
        return
      }
      while let limit = queues.withLockedValue({ $0[length]?.takeFirst(until: end) }) { limit.pass() }
    }
  }

  private func takeAll(of length: Duration) -> [Limit] {
    queues.withLockedValue { $0.removeValue(forKey: length)?.limits.values.map { $0 } ?? [] }
  }

  private func nextEnd(of length: Duration) -> Duration? {
    queues.withLockedValue { queues in
      if let limit = queues[length]?.first() { return limit.end }
      queues[length] = nil
      return nil
    }
  }
}

extension Duration {
  /// Nanoseconds, zero to a day: what time-outs of connections may be.
  var wholeNanoseconds: Int64 {
    let held = Swift.max(.zero, Swift.min(self, .seconds(86_400)))
    return Int64(held.inSeconds * 1_000_000_000)
  }
}
