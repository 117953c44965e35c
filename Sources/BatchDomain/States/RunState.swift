/// What a run is doing. The raw values are what the store and the JSON output have.
package enum RunState: String, Sendable, CaseIterable {
  /// Its items are being recorded; nothing was sent.
  case planning
  /// A process is sending it.
  case running
  /// No process is sending it; `resume` continues it. It has a ``PauseReason``.
  case paused
  /// Every chunk is decided, or held as unknown.
  case finished
  /// Cancelled by the user.
  case cancelled
}

/// Why a run is paused. The raw values are what the store and the JSON output have.
package enum PauseReason: String, Sendable, CaseIterable {
  /// A person or the system asked it to stop (SIGINT, SIGTERM, SIGHUP, or a request through the store).
  case signal
  /// Its sending window is closed, or closes before anything more can be sent.
  case window
  /// The service asked for a wait longer than `--max-wait`.
  case throttled
  /// The service refuses the key or the account.
  case account
  /// The address does not answer as the service of the run's profile does.
  case endpoint
  /// The index of every item left does not exist.
  case index
  /// The service cannot fetch our videos, or S3 refuses them.
  case source
  /// The credentials for S3 are refused, or end too soon.
  case credentials
  /// Nothing got through for longer than `--max-wait`.
  case unreachable
  /// More items were rejected or failed than `--max-failures` permits.
  case failures
  /// The store could not be written.
  case store
  /// It is left for a worker: `submit --detach`, or a worker that was asked to stop.
  case detached
  /// Its database lost changes that had been confirmed: another server took over, or a backup was restored.
  case failedOver = "failed_over"
  /// Its process died. Found by looking at the owner, never stored.
  case crash
  /// Of a run that is cancelled and not paused: it was copied to another store, where it goes on.
  case copied
}
