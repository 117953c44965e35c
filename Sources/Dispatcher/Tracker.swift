package import BatchDomain
import NIOConcurrencyHelpers

/// Follows the accepted items of a run until the service says what became of each. It need not own the run.
///
/// Here is when the service is asked and how far back; how it is asked and what its answer says is the
/// ``TrackingStrategy``'s, and what is known is the store's: a process that goes on after a crash goes on at the page at
/// which the one before it stopped.
package struct Tracker: Sendable {
  private let run: RunID
  private let store: any BatchStore
  private let strategy: any TrackingStrategy
  private let gate: any ReadingGate
  private let clock: any BatchClock
  private let random: any RandomSource
  private let observe: @Sendable (TrackingSummary) -> Void

  /// Items that begin to be followed at a time.
  private static let followed = 1_000
  /// Marks that are judged in one change.
  private static let judged = 500
  /// Items whose reasons are asked for after a look: each is a request.
  private static let explained = 200
  /// Pages of a walk at most: what lies behind is read by nobody.
  private static let pageCap = 200_000
  /// Pages in a row with the same rows after which a listing counts as one that ignores the page it is asked for.
  private static let repeatLimit = 3
  /// The shortest time between two looks that were asked for: each of many videos may ask.
  private static let shortestOnRequest: Duration = .seconds(5)
  /// How often a wait looks whether somebody asked for a look.
  private static let slice: Duration = .seconds(1)

  /// How tracking ended.
  package enum Ending: Sendable, Equatable {
    /// Every accepted item is ready or failed.
    case final
    /// The last look showed some that are neither.
    ///
    /// - Parameter missing: what of the service is not there, in words.
    case open(missing: String?)
    /// The last look could not be had, in words.
    case failed(String)
    /// It was told to stop, or the service asks for a wait that is longer than permitted.
    case stopped
    /// Every further request would meet the same.
    case refused(PauseReason, String)
  }

  /// A tracker that has not looked.
  ///
  /// - Parameters:
  ///   - gate: what every request passes.
  ///   - observe: is told after each look what is known; it must not wait.
  package init(
    run: RunID, store: any BatchStore, strategy: any TrackingStrategy, gate: any ReadingGate,
    clock: any BatchClock, random: any RandomSource,
    observe: @escaping @Sendable (TrackingSummary) -> Void = { _ in }
  ) {
    self.run = run
    self.store = store
    self.strategy = strategy
    self.gate = gate
    self.clock = clock
    self.random = random
    self.observe = observe
  }

  /// Looks once, or again and again.
  ///
  /// - Parameter patience: the longest time without a change after which it ends, where it looks until every item is
  ///   final; `nil` looks once.
  package func work(patience: Duration?) async throws -> Ending {
    var lastChange = clock.elapsed()
    var failures = 0
    while true {
      let start = clock.elapsed()
      let lookedAt = clock.now()
      let look = try await look()
      if let known = try await store.tracking(of: run) {
        observe(known)
        if case .whole = look.ending, known.states.open == 0 {
          // One look says how things are now; who follows a run that is being sent sees more items.
          let mayGrow = patience == nil ? false : try await mayGrow()
          if !mayGrow { return .final }
        }
      }
      if look.changes > 0 { lastChange = clock.elapsed() }
      let unfinished: Ending
      switch look.ending {
      case .stopped: return .stopped
      case .refused(let reason, let detail): return .refused(reason, detail)
      case .failed(let what):
        failures += 1
        unfinished = .failed(what)
      case .whole(let missing):
        failures = 0
        unfinished = .open(missing: missing)
      }
      guard let patience else { return unfinished }
      let left = patience - (clock.elapsed() - lastChange)
      guard left > .zero else { return unfinished }
      let run = try await store.summary(of: run)
      let wait = TrackingPace.wait(
        age: clock.now().since(run.createdAt), took: clock.elapsed() - start, failures: failures,
        unit: random.nextUnit())
      guard try await sleep(for: min(wait, left), since: (start, lookedAt)) else { return .stopped }
    }
  }

  /// Whether more items may be accepted without anybody doing anything about it.
  private func mayGrow() async throws -> Bool { try await store.summary(of: run).isLive }

  /// Waits, less long when somebody asks for a look.
  ///
  /// - Returns: `false` when it is told to stop.
  private func sleep(
    for wait: Duration, since look: (start: Duration, at: Timestamp)
  ) async throws -> Bool {
    let end = clock.elapsed() + wait
    while case let left = end - clock.elapsed(), left > .zero {
      do {
        try await clock.sleep(for: min(left, Self.slice))
      } catch {
        return false
      }
      guard clock.elapsed() - look.start >= Self.shortestOnRequest else { continue }
      if let asked = try await store.lookRequestedAt(), asked > look.at { return true }
    }
    return true
  }

  // MARK: A look

  private enum LookEnding {
    /// Every listing was read, but those of indexes that are not there, in words.
    case whole(missing: String?)
    case stopped
    case failed(String)
    case refused(PauseReason, String)
  }

  private func look() async throws -> (ending: LookEnding, changes: Int) {
    var changes = 0
    var after: Int?
    repeat {
      let page = try await store.follow(of: run, after: after, limit: Self.followed) { [strategy] item in
        strategy.mark(of: item)
      }
      changes += page.followed
      after = page.next
    } while after != nil
    var missing: String?
    for listing in try await store.openListings(of: run) {
      let walk = try await walk(listing)
      changes += walk.changes
      switch walk.ending {
      case .whole(let text): missing = missing ?? text
      case .stopped, .failed, .refused: return (walk.ending, changes)
      }
    }
    try await store.endLook(of: run, at: clock.now())
    let asking = try await explain()
    changes += asking.changes
    if case .whole = asking.ending { return (.whole(missing: missing), changes) }
    return (asking.ending, changes)
  }

  /// Reads the listing of an index, newest first, as far back as items are looked for.
  ///
  /// Pages are numbered over a list that grows and shrinks meanwhile. Rows that come twice change nothing, and one that is
  /// missed is there at the next look.
  private func walk(_ listing: OpenListing) async throws -> (ending: LookEnding, changes: Int) {
    let start = listing.since - VideoMatching.clockMargin
    var changes = 0
    // The page before may have rows that moved on since.
    var number = max(1, (listing.nextPage ?? 1) - 1)
    var before: [String]?
    var repeats = 0
    while number <= Self.pageCap {
      switch await strategy.page(number, of: listing.index, gate: gate) {
      case .value(var page):
        let ids = page.videos.map(\.id)
        repeats = ids == before ? repeats + 1 : 0
        before = ids
        guard repeats < Self.repeatLimit else {
          return (.failed("the listing of index \(listing.index) gives the same rows on every page"), changes)
        }
        page.isLast =
          page.isLast
          || !page.videos.isEmpty
            && page.videos.allSatisfy { video in video.createdAt.map { $0 < start } ?? false }
        changes += try await store.record(page, of: listing, isByID: strategy.isByID)
        guard !page.isLast else { return (.whole(missing: nil), changes + (try await conclude(listing))) }
        number += 1
      case .missing(let text):
        try await store.endWalk(of: listing)
        return (.whole(missing: text), changes)
      case .failed(let text, let refusal?): return (.refused(refusal, text), changes)
      case .failed(let text, nil): return (.failed(text), changes)
      case .stopped: return (.stopped, changes)
      }
    }
    return (.whole(missing: nil), changes + (try await conclude(listing)))
  }

  private func conclude(_ listing: OpenListing) async throws -> Int {
    var changes = 0
    if !strategy.isByID {
      var after: TrackingCursor?
      repeat {
        let part = try await store.judge(listing, after: after, limit: Self.judged, at: clock.now())
        changes += part.changed
        after = part.next
      } while after != nil
    }
    try await store.endWalk(of: listing)
    return changes
  }

  /// Asks why items failed of which the listing does not say it.
  private func explain() async throws -> (ending: LookEnding, changes: Int) {
    var changes = 0
    for item in try await store.unexplained(of: run, limit: Self.explained) {
      switch await strategy.reason(of: item.externalID, in: item.index, gate: gate) {
      case .value(let reason):
        try await store.explain(item, reason: reason)
        changes += 1
      case .missing:
        try await store.explain(item, reason: nil)
        changes += 1
      case .failed(let text, let refusal?): return (.refused(refusal, text), changes)
      case .failed(let text, nil): return (.failed(text), changes)
      case .stopped: return (.stopped, changes)
      }
    }
    return (.whole(missing: nil), changes)
  }
}

/// What requests pass that a process makes which sends nothing: one at a time, with the waits that the service asks for.
package final class SoloReadingGate: ReadingGate {
  private struct State {
    /// On the clock that never goes back.
    var closedUntil: Duration?
    var waits = 0
    /// The wait that is longer than permitted.
    var tooLong: Duration?
  }

  private let clock: any BatchClock
  private let random: any RandomSource
  private let longest: Duration
  private let state: NIOLockedValueBox<State>

  /// An open gate.
  ///
  /// - Parameters:
  ///   - wait: a wait that is on record and holds reading back, too; zero for none.
  ///   - longest: waits that are longer are not sat out.
  package init(
    wait: Duration = .zero, longest: Duration, clock: any BatchClock, random: any RandomSource
  ) {
    self.clock = clock
    self.random = random
    self.longest = longest
    state = NIOLockedValueBox(State(closedUntil: wait > .zero ? clock.elapsed() + wait : nil))
  }

  /// The wait that the service asks for and that is longer than permitted; `nil` where there is none.
  package var tooLong: Duration? { state.withLockedValue { $0.tooLong } }

  package func enter() async -> Bool {
    while true {
      guard !Task.isCancelled else { return false }
      let left = state.withLockedValue { state in
        state.closedUntil.map { $0 - clock.elapsed() } ?? .zero
      }
      guard left > .zero else { return true }
      guard left <= longest else {
        state.withLockedValue { $0.tooLong = left }
        return false
      }
      do { try await clock.sleep(for: left) } catch { return false }
    }
  }

  package func leave(isThrottled: Bool, asked: Duration?) {
    let draw = random.nextUnit()
    state.withLockedValue { state in
      guard isThrottled else {
        state.waits = 0
        state.closedUntil = nil
        return
      }
      let chosen = max(.seconds(1), BackOff.gate.wait(afterFailures: state.waits, unit: draw))
      let wait = min(asked.flatMap { $0 > .zero ? $0 : nil } ?? chosen, StoredWait.longest)
      state.waits += 1
      state.closedUntil = clock.elapsed() + wait
    }
  }
}
