package import BatchDomain

/// The exit statuses, a contract with scripts (`docs/exit-statuses.md`).
package enum ExitStatus: Int32, Sendable, CaseIterable {
  /// Every item accepted; for other commands: they did their work.
  case done = 0
  /// Finished, some items rejected, failed or cancelled.
  case lost = 1
  /// Bad manifest, job file, combination of settings, key or run id; nothing was sent.
  case badInput = 2
  /// Stopped early, resumable.
  case stopped = 3
  /// The service refused the account, the endpoint or the index; paused, resumable.
  case refused = 4
  /// Store trouble.
  case store = 5
  /// The run is owned by another live process, or was taken over by one.
  case owned = 6
  /// Finished, some items unknown and held.
  case held = 7
  /// Wrong arguments.
  case usage = 64
  /// A bug in the program.
  case bug = 70

  /// The status of a run as it was left.
  package init(of run: RunSummary) {
    switch run.state {
    case .finished:
      self = ExitStatus(ofDecided: run.counts)
    case .cancelled:
      self = run.counts.items(in: .unknown) > 0 ? .held : .lost
    case .planning, .running:
      self = .stopped
    case .paused:
      switch run.reason {
      case .account, .endpoint, .index: self = .refused
      case .store: self = .store
      case .signal, .window, .throttled, .unreachable, .failures, .crash, nil: self = .stopped
      }
    }
  }

  /// The status of a run in which nothing is left to send.
  private init(ofDecided counts: StateCounts) {
    if counts.items(in: .unknown) > 0 {
      self = .held
    } else if counts.items(in: .rejected, .failed, .cancelled) > 0 {
      self = .lost
    } else {
      self = .done
    }
  }

  /// The status of an error of the store.
  package init(of error: StoreError) {
    switch error.code {
    case .locked, .full, .damaged, .schema, .unavailable, .inputOutput: self = .store
    case .owned, .busy, .conflict: self = .owned
    case .noSuchRun, .wrongState: self = .badInput
    case .internal: self = .bug
    }
  }
}
