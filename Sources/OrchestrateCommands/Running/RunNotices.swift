import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import Notifications
import Reporting

/// Decides when somebody elsewhere is told about a run, and with what words: at every ending, and once for each
/// stretch of more than ten minutes without anything being sent.
final class RunNotices: RunObserver {
  /// Shorter waits are nobody's concern.
  static let longestUntoldWait: Duration = .seconds(600)

  private struct State {
    var counts: StateCounts
    var accepted: Int
    /// When the first of a row of waits began that no acceptance interrupted.
    var waitingSince: Timestamp?
    /// The end of the wait that was told last.
    var toldUntil: Timestamp?
  }

  private let summary: RunSummary
  private let notifier: Notifier
  private let clock: any BatchClock
  private let text: RunNoticeText
  private let state: NIOLockedValueBox<State>

  /// Notices of a run.
  ///
  /// - Parameter summary: the run as it stands when work on it begins.
  init(of summary: RunSummary, notifier: Notifier, clock: any BatchClock, text: RunNoticeText) {
    self.summary = summary
    self.notifier = notifier
    self.clock = clock
    self.text = text
    state = NIOLockedValueBox(
      State(counts: summary.counts, accepted: summary.counts.chunks(in: .accepted)))
  }

  func observe(_ event: RunEvent) {
    switch event {
    case .started(let standing): state.withLockedValue { $0.counts = standing.counts }
    case .progress(let counts), .firstAccepted(let counts): progress(counts)
    case .waiting(let wait): waiting(wait)
    case .waitOver, .setback, .divided, .settled, .held, .unknownStatus, .storeTrouble, .stopping:
      // How the run was left is told when it is left: until then requests are under way.
      break
    }
  }

  /// Works on a run, beats meanwhile, and tells how it was left.
  ///
  /// - Parameters:
  ///   - notices: who tells; `nil` when nobody is to be told.
  ///   - beats: whether the work is sending.
  ///   - look: reads how the run stands once it was left.
  static func during(
    _ notices: RunNotices?, beats: Bool = true, look: () async throws -> RunSummary,
    _ work: () async throws -> RunExit
  ) async -> Result<RunExit, any Error> {
    guard let notices else { return await result(of: work) }
    return await notices.notifier.during(beats: beats) {
      let result = await result(of: work)
      switch result {
      case .success(let ending): notices.left(await notices.standing(after: ending, look))
      case .failure: notices.leftByStore()
      }
      return result
    }
  }

  private static func result(of work: () async throws -> RunExit) async -> Result<RunExit, any Error> {
    do { return .success(try await work()) } catch { return .failure(error) }
  }

  private func progress(_ counts: StateCounts) {
    let now = clock.now()
    state.withLockedValue { state in
      state.counts = counts
      let accepted = counts.chunks(in: .accepted)
      // What was under way when the wait began may still be accepted; the wait goes on.
      if accepted > state.accepted, state.toldUntil.map({ $0 <= now }) ?? true { state.waitingSince = nil }
      state.accepted = accepted
    }
  }

  private func waiting(_ wait: StoredWait) {
    let now = clock.now()
    let isTold = state.withLockedValue { state in
      let since = state.waitingSince ?? now
      if state.waitingSince == nil { state.toldUntil = nil }
      state.waitingSince = since
      // What was told is told again only when the end has moved that far; the probes of an outage are short waits.
      let from = state.toldUntil.map { max($0, now) } ?? since
      guard wait.until.since(from) > Self.longestUntoldWait else { return false }
      state.toldUntil = wait.until
      return true
    }
    guard isTold else { return }
    var run = known
    run.state = .running
    run.wait = wait
    notifier.tell(
      RunNotice(
        event: .waiting, text: text.waiting(run, wait, now: now), run: run, attempts: nil,
        waitUntil: wait.until, at: now))
  }

  /// The run as far as it was seen from here.
  private var known: RunSummary {
    var run = summary
    run.counts = state.withLockedValue { $0.counts }
    return run
  }

  /// The run as the store has it, or as it is known here when the store cannot tell.
  private func standing(
    after ending: RunExit, _ look: () async throws -> RunSummary
  ) async -> (run: RunSummary, attempts: Int?) {
    do {
      let run = try await look()
      return (run, run.attempts)
    } catch {
      var run = known
      switch ending {
      case .finished: run.state = .finished
      case .cancelled: run.state = .cancelled
      case .paused(let reason, let detail):
        run.state = .paused
        run.reason = reason
        run.detail = detail
      }
      return (run, nil)
    }
  }

  private func left(_ standing: (run: RunSummary, attempts: Int?)) {
    let run = standing.run
    let event: RunNotice.Event =
      switch run.state {
      case .cancelled: .cancelled
      case .finished: run.counts.items(in: .unknown) > 0 ? .held : .finished
      case .planning, .running, .paused: .paused
      }
    notifier.tell(
      RunNotice(
        event: event, text: text.left(run), run: run, attempts: standing.attempts, next: text.next(run),
        at: clock.now()))
  }

  private func leftByStore() {
    var run = known
    run.state = .paused
    run.reason = .store
    left((run, nil))
  }
}
