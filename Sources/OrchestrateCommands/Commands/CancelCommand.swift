import ArgumentParser
import BatchDomain
import Reporting
import ServiceHTTP

/// `orchestrate cancel`: stops a run for good. What is pending is given up, what is unknown is still settled.
struct CancelCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "Stop a run for good.",
    discussion: """
      Items that were not sent become cancelled; lost answers are still settled. If another process is sending the \
      run, that process cancels it.

      EXAMPLES
        orchestrate cancel latest
        orchestrate cancel 20261123-1515
      """)

  @Argument(help: "A run id, a unique prefix of one, or `latest`.")
  var run: String

  @OptionGroup var keyOptions: SettingOptions<KeySettings>

  @OptionGroup(title: "Store") var storeOptions: StoreOptions
  @OptionGroup(title: "Output") var show: ShowOptions

  var wantsJSON: Bool { show.format == .json }

  /// How often a live owner is looked at.
  private static let lookInterval: Duration = .milliseconds(100)

  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let path = try storeOptions.existing(for: run, in: context)
    let store = try await StoreOpener.open(path, in: context)
    let context = context.on(store.clock)
    let id = try await store.resolve(run)
    let execution = RunExecution(
      console: RunConsole(show, in: context), store: store, database: storeOptions.path, format: show.format)
    if let removed = try await cancel(id, in: store, execution, context) {
      if show.format == .json { try context.writeResult(RunJSON.document(removed)) }
      return .done
    }
    // Lost answers that could not be settled are said with the status of held items.
    return try await execution.conclude(id) == .held ? .held : .done
  }

  /// Has the owner of the run cancel it and waits until it has; where nobody owns it, or its owner dies meanwhile,
  /// cancels it here.
  ///
  /// - Returns: the run as it was, where nothing of it is left; `nil` where the store has it.
  private func cancel(
    _ id: RunID, in store: any BatchStore, _ execution: RunExecution, _ context: ProcessContext
  ) async throws -> RunSummary? {
    var wasAsked = false
    while true {
      let summary = try await store.summary(of: id)
      if summary.isLive {
        if summary.state == .planning {
          throw StoreError(
            .owned, "run \(id) is being planned by another live process",
            remedy: "stop that process with a signal; nothing was sent")
        }
        // Asked at each look: when the owner dies and another process resumes the run, that one has to be told, too.
        if try await store.requestCancel(of: id) == .delivered, !wasAsked {
          wasAsked = true
          context.note("cancelling run \(id): waiting for the process that owns it")
        }
      } else if wasAsked, summary.state == .cancelled {
        return nil
      } else if wasAsked, summary.state == .finished {
        throw StoreError(
          .wrongState, "run \(id) finished before it could be cancelled",
          remedy: "\(command: .report(id)) shows its result")
      } else {
        do {
          return try await cancelHere(summary, in: store, execution, context)
        } catch let error as StoreError where error.code == .owned {
          // Another process took the run between the look and the take-over: it is asked next.
        }
      }
      try await context.clock.sleep(for: Self.lookInterval)
    }
  }

  /// Removes a run that died while it was planned.
  ///
  /// - Returns: what was recorded of it, as cancelled.
  private func remove(
    _ summary: RunSummary, in store: any BatchStore, _ context: ProcessContext
  ) async throws -> RunSummary {
    try await store.planAgain(summary.run).abandon()
    context.note("run \(summary.run) died while it was being planned and is removed; nothing was sent")
    var removed = summary
    removed.state = .cancelled
    removed.finishedAt = context.clock.now()
    removed.counts.chunks = [.cancelled: summary.counts.chunks(in: .pending)]
    removed.counts.items = [.cancelled: summary.counts.items(in: .pending)]
    return removed
  }

  private func cancelHere(
    _ summary: RunSummary, in store: any BatchStore, _ execution: RunExecution, _ context: ProcessContext
  ) async throws -> RunSummary? {
    let id = summary.run
    if summary.state == .cancelled { try RunCopier.refuse(try await store.copyStanding(of: id), of: id) }
    switch summary.state {
    case .finished:
      throw StoreError(
        .wrongState, "run \(id) is finished; there is nothing left to cancel",
        remedy: "\(command: .report(id)) shows its result")
    case .planning: return try await remove(summary, in: store, context)
    case .cancelled where summary.counts.items(in: .unknown) == 0:
      context.note("run \(id) was cancelled before")
    case .running, .paused, .cancelled:
      let signals = await StopSignals(in: context)
      let session = try await store.take(id, isCancelling: true, at: context.clock.now())
      guard try await session.standing().counts.chunks(in: .unknown, .submitting) > 0 else {
        _ = try await session.cancelPending()
        let counts = try await session.standing().counts
        // Another process may have finished it since it was looked at: then there was nothing to cancel.
        try await session.release(
          as: counts.chunks(in: .cancelled) == 0 ? .finished : .cancelled, at: context.clock.now())
        return nil
      }
      let key: APIKey
      let route: ServiceRoute
      do {
        key = try await KeySource.key(
          commandLineFile: keyOptions.layer.values.apiKeyFile, jobFile: nil, environment: context.environment)
        route = try context.route(to: session.settings.baseURL)
      } catch {
        // What is pending is given up all the same; what is unknown waits for a `cancel` that can ask the service.
        _ = try await session.cancelPending()
        try await session.inheritAll(in: context)
        try await session.release(as: .cancelled, at: context.clock.now())
        throw error
      }
      try await execution.work(on: session, key: key, route: route, signals: signals, isCancelling: true)
    }
    return nil
  }
}
