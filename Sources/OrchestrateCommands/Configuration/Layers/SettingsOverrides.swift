package import BatchDomain
package import Notifications

/// What one layer (command line, environment, job file) says about a submission; `nil` where it says nothing.
package struct SettingsOverrides: Sendable, Equatable {
  /// A name for the run.
  package var name: String?
  /// Free text about the job.
  package var description: String?
  /// Path of the manifest, `-` for standard input.
  package var manifest: String?
  /// Address of the service, in the form ``BaseURLText`` gives it.
  package var baseURL: String?
  /// Version of the service.
  package var profile: ServiceProfile?
  /// Items per chunk.
  package var chunkSize: Int?
  /// Bytes per chunk.
  package var chunkBytes: Int?
  /// Requests in flight at most.
  package var concurrency: Int?
  /// Limits on requests; replaces the list of a lower layer as a whole.
  package var rates: [Rate]?
  /// How long a request may take.
  package var timeout: Duration?
  /// Counted attempts per chunk at most.
  package var maxAttempts: Int?
  /// How long a run waits without progress.
  package var maxWait: Duration?
  /// What to do about lost answers.
  package var onUnknown: UnknownPolicy?
  /// How long after a lost answer the service is first asked.
  package var settleDelay: Duration?
  /// How long after a time-out or a gateway's error a request may still arrive.
  package var settleGrace: Duration?
  /// How many items may be lost.
  package var maxFailures: FailureThreshold?
  /// Whether refused chunks are divided.
  package var bisect: Bool?
  /// Items to read at most.
  package var limit: Int?
  /// Whether warnings refuse the manifest.
  package var strict: Bool?
  /// Path of the database.
  package var db: String?
  /// Path of the file that holds the API key.
  package var apiKeyFile: String?
  /// Where notices are sent.
  package var notifyURL: NoticeAddress?
  /// The command that is told.
  package var notifyCommand: NoticeCommand?
  /// What is asked for once a minute.
  package var heartbeatURL: NoticeAddress?

  /// A layer that says nothing.
  package init() {}
}
