/// A key of a job file; the option of `submit` with the same setting has the same name.
package enum SettingKey: String, Sendable, CaseIterable {
  /// A name for the run.
  case name
  /// Free text about the job.
  case description
  /// The list of items.
  case manifest
  /// Address of the service.
  case baseURL = "base-url"
  /// Version of the service.
  case profile
  /// Items per chunk.
  case chunkSize = "chunk-size"
  /// Bytes per chunk.
  case chunkBytes = "chunk-bytes"
  /// Requests in flight at most.
  case concurrency
  /// Limits on requests.
  case rate
  /// How long a request may take.
  case timeout
  /// Counted attempts per chunk at most.
  case maxAttempts = "max-attempts"
  /// How long a run waits without progress.
  case maxWait = "max-wait"
  /// What to do about lost answers.
  case onUnknown = "on-unknown"
  /// How long after a lost answer the service is first asked.
  case settleDelay = "settle-delay"
  /// How long after a time-out or a gateway's error a request may still arrive.
  case settleGrace = "settle-grace"
  /// How many items may be lost.
  case maxFailures = "max-failures"
  /// Whether refused chunks are divided until the items to blame are found.
  case bisect
  /// Items to read at most.
  case limit
  /// Whether warnings refuse the manifest.
  case strict
  /// Where the database is.
  case db
  /// A file that holds the API key.
  case apiKeyFile = "api-key-file"
  /// Where notices about the run are sent.
  case notifyURL = "notify-url"
  /// A command that is told about the run.
  case notifyCommand = "notify-command"
  /// What is asked for once a minute while the run goes on.
  case heartbeatURL = "heartbeat-url"

  /// How messages about a value of the command line call it, for example `--chunk-size`.
  package var option: String { "--\(rawValue)" }
}
