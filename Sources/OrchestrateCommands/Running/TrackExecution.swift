import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import Notifications
import Reporting
import ServiceHTTP

/// Follows the accepted items of a run at the service, and says what became of them. Needs not own the run.
struct TrackExecution {
  let execution: RunExecution
  let key: APIKey
  let route: ServiceRoute
  let signals: StopSignals

  private var context: ProcessContext { execution.context }
  private var store: any BatchStore { execution.store }

  /// How long a single look sits out waits that the service asks for.
  private static let singleLookPatience: Duration = .seconds(60)
  /// How often a signal is looked for.
  private static let signalInterval: Duration = .milliseconds(100)

  /// Looks once, or until every item is ready or failed.
  ///
  /// - Parameter patience: the longest time without a change, where it looks again and again; `nil` looks once.
  func follow(
    _ run: RunSummary, _ settings: RunSettings, patience: Duration?
  ) async throws -> Tracker.Ending {
    execution.console.tidy(
      signals,
      "exited immediately; what was seen so far is recorded. See it with: "
        + VisibleText.escape(RunCommands(run: run.run, database: execution.database).report))
    let connection = try await ServiceConnections.open(
      settings, run: run.run, key: key, route: route, in: context)
    let result: Result<Tracker.Ending, any Error>
    do {
      result = .success(try await follow(run, connection, patience: patience))
    } catch {
      result = .failure(error)
    }
    await connection.shutdown()
    return try result.get()
  }

  private func follow(
    _ run: RunSummary, _ connection: OpenService, patience: Duration?
  ) async throws -> Tracker.Ending {
    let service = connection.service
    // Where reading uses up what sending does, a wait that the service asked for holds it back, too.
    let wait =
      service.budgets.sending.contains(service.readingBudget) ? run.wait?.left(at: context.clock.now()) : nil
    let gate = SoloReadingGate(
      wait: wait ?? .zero, longest: patience ?? Self.singleLookPatience, clock: context.clock,
      random: context.random)
    let events = execution.eventLog(of: run.run)
    let progress = TrackProgress(execution.console)
    let tracker = Tracker(
      run: run.run, store: store, strategy: service.tracking(), gate: gate, clock: context.clock,
      random: context.random,
      observe: { tracking in
        events?.tracking(tracking)
        progress.observe(tracking)
      })
    let ending = try await telling(run, isWaiting: patience != nil) {
      try await untilSignal { try await tracker.work(patience: patience) }
    }
    if ending == .stopped, let wait = gate.tooLong {
      context.note(
        "stopped: the service asks to wait for another \(HumanDuration.rough(wait)); track the run again then"
      )
    }
    return ending
  }

  /// Tells others how it ended, where it was followed to an end.
  private func telling(
    _ run: RunSummary, isWaiting: Bool, _ work: () async throws -> Tracker.Ending
  ) async throws -> Tracker.Ending {
    guard isWaiting, let notifier = execution.notifier() else { return try await work() }
    return try await notifier.during { () -> Result<Tracker.Ending, any Error> in
      do {
        let ending = try await work()
        if ending != .stopped, let tracking = try await store.tracking(of: run.run) {
          let summary = try await store.summary(of: run.run)
          let text = execution.noticeText(of: run.run)
          notifier.tell(
            RunNotice(
              event: .tracked, text: text.tracked(summary, tracking), run: summary,
              attempts: summary.attempts, next: text.next(tracking), tracking: tracking,
              at: context.clock.now()))
        }
        return .success(ending)
      } catch {
        return .failure(error)
      }
    }.get()
  }

  /// Does work until it ends or a signal asks to stop.
  private func untilSignal(
    _ work: @escaping @Sendable () async throws -> Tracker.Ending
  ) async throws -> Tracker.Ending {
    try await withThrowingTaskGroup(of: Tracker.Ending?.self) { group in
      group.addTask { try await work() }
      group.addTask { [signals, clock = context.clock] in
        while !signals.isAsked {
          do { try await clock.sleep(for: Self.signalInterval) } catch { return nil }
        }
        return nil
      }
      // The signal is first: the work then ends by itself, as soon as it notices.
      var ending: Tracker.Ending?
      for try await result in group {
        ending = result ?? ending
        group.cancelAll()
      }
      return ending ?? .stopped
    }
  }

  /// Writes the result of a run that was sent and whose items were followed.
  ///
  /// - Returns: the status that fits both.
  func conclude(_ run: RunID, _ ending: Tracker.Ending) async throws -> ExitStatus {
    note(ending)
    let sent = try await execution.conclude(run)
    return ExitStatus(sent: sent, tracked: try await status(of: run, ending))
  }

  /// Writes what is known of the items of a run, and nothing else about it.
  ///
  /// - Returns: the status that fits.
  func show(_ run: RunID, _ ending: Tracker.Ending) async throws -> ExitStatus {
    note(ending)
    let summary = try await store.summary(of: run)
    let tracking = try await store.tracking(of: run)
    let isReadable = await execution.events?.flush() ?? true
    let areOnOutput = execution.events?.isStandardOutput == true
    guard isReadable || !areOnOutput else { return try await status(of: run, ending) }
    try await execution.delivering(run) {
      switch execution.format {
      case .text:
        let text = RunText(now: context.clock.now(), zone: context.zone, database: execution.database)
        try await context.deliver(
          text.heading(summary) + (tracking.map { text.tracking(summary, $0) } ?? ""))
      case .json:
        try await context.deliver(
          TrackingJSON.document(summary, tracking, areOnOutput ? .compact : .pretty))
      }
    }
    return try await status(of: run, ending)
  }

  private func status(of run: RunID, _ ending: Tracker.Ending) async throws -> ExitStatus {
    ExitStatus(of: ending, failed: try await store.tracking(of: run)?.states[.failed] ?? 0)
  }

  /// Says why it could not be asked, where that is so.
  func note(_ ending: Tracker.Ending) {
    switch ending {
    case .failed(let problem):
      context.note("warning: the service could not be asked: \(VisibleText.escape(problem, cutAt: 400))")
    case .refused(_, let detail):
      context.note("warning: the service refuses to answer: \(VisibleText.escape(detail, cutAt: 400))")
    case .open(let missing?):
      context.note("warning: \(VisibleText.escape(missing, cutAt: 400))")
    case .final, .open(nil), .stopped: break
    }
  }
}

/// Says on standard error what a look found, where it is new.
private final class TrackProgress: Sendable {
  private let console: RunConsole
  private let last = NIOLockedValueBox<String?>(nil)

  init(_ console: RunConsole) { self.console = console }

  func observe(_ tracking: TrackingSummary) {
    if case .none = console.progress { return }
    let line = TrackingText.sentence(tracking)
    let isNew = last.withLockedValue { last in
      defer { last = line }
      return last != line
    }
    if isNew { console.context.noteProgress("at the service: \(line)") }
  }
}
