import BatchDomain

/// What every change of a run has to know of it, read once in a transaction.
struct RunFacts {
  /// What another process asks of the run.
  let request: RunRequest?
  /// Intents of the run so far.
  var attempts: Int
  /// A wait that the service asked any run of this store for: its budget is common.
  let wait: StoredWait?
  /// Whether a chunk of the run was ever divided.
  var hasPieces: Bool
}
