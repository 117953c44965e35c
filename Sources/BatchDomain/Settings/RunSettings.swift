/// All settings of a run, defaults included; stored with the run, so that `resume` needs only the run's id and the
/// key.
package struct RunSettings: Sendable, Equatable {
  /// Address of the service without a trailing slash, for example `https://api.twelvelabs.io`.
  package var baseURL: String = ServiceProfile.defaultBaseURL
  /// Version of the service. Fixed once the run is planned.
  package var profile: ServiceProfile = .v1
  /// Items per chunk, 1 or more. Fixed once the run is planned.
  package var chunkSize: Int = 50
  /// Bytes per chunk, of the `file` part's content. Fixed once the run is planned.
  package var chunkBytes: Int = 1 << 20
  /// Items to read at most; `nil` reads all. Fixed once the run is planned.
  package var limit: Int?
  /// Whether warnings refuse the manifest. Fixed once the run is planned.
  package var strict: Bool = false
  /// Requests in flight at most, 1 or more.
  package var concurrency: Int = 4
  /// Limits on requests, all of which hold.
  package var rates: [Rate] = []
  /// How long a request may take from its first byte to the end of its answer.
  package var timeout: Duration = .seconds(60)
  /// Counted attempts per chunk at most, 1 or more.
  package var maxAttempts: Int = 8
  /// How long a run waits without progress, or for a wait the service asks for, before it is paused.
  package var maxWait: Duration = .seconds(24 * 3_600)
  /// What to do about lost answers.
  package var onUnknown: UnknownPolicy = .check
  /// How long after a lost answer the service is first asked, and the time between two such looks.
  package var settleDelay: Duration = .seconds(30)
  /// How long after the end of a request that timed out, or that a gateway stopped waiting for, a look may first
  /// conclude that the service did not receive it: the gateway may still hold the request.
  package var settleGrace: Duration = .seconds(60)
  /// Whether refused chunks are divided until the bad items stand alone.
  package var bisect: Bool = true
  /// How many items may be lost before the run is paused.
  package var maxFailures: FailureThreshold = .percent(50)

  /// The defaults.
  package init() {}

  /// The service that rate limits, waits and accepted items belong to.
  package var origin: String { Origin.of(baseURL) }

  /// Where the run's requests go: what makes two runs of one manifest the same submission.
  package var destination: String { baseURL + profile.transfersPath }
}
