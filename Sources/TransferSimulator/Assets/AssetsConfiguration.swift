/// What profile v1.3 of the simulated service is like. The defaults are a service without limits.
///
/// Of ``SimulatorConfiguration`` it shares the key, the seed, the latency of answers to what submits, the listing's lag
/// and modes, the time in each state, the share of failures and the waits of faults.
package struct AssetsConfiguration: Sendable {
  /// How the service fetches the URL of an asset.
  package enum FetchMode: String, Sendable, CaseIterable {
    /// It does not: every asset is usable.
    case none
    /// One GET.
    case get
    /// HEAD, and when that is answered well, GET: a URL signed for GET does not survive it.
    case headThenGet = "head-then-get"
  }

  /// What happens to the same asset in the same index again.
  package enum Repeat: String, Sendable, CaseIterable {
    /// It is indexed again, which the tally counts.
    case taken
    /// 409.
    case conflict
    /// The answer of the first time, with its id.
    case sameID = "same-id"
  }

  /// What happens to indexing beyond the cap of what is indexed at the same time.
  package enum Overflow: String, Sendable, CaseIterable {
    /// It stays `queued`.
    case queued
    /// 429.
    case refused
  }

  /// An index that exists.
  package struct Index: Sendable {
    /// Its id.
    package var id: String
    /// Its models, as `models[].model_name`. With Pegasus 1.2 alone it takes no videos.
    package var models: [String]
    /// When it ends, in milliseconds since 1970; nil for never.
    package var expiresAt: Int64?

    /// An index with these models.
    package init(id: String, models: [String] = ["marengo3.0"], expiresAt: Int64? = nil) {
      self.id = id
      self.models = models
      self.expiresAt = expiresAt
    }
  }

  /// The indexes there are; nil lets every index exist that is asked for. ``SimulatorConfiguration/goneIndexes`` never do.
  package var indexes: [Index]?
  /// The most videos that an index takes.
  package var videoCap: Int?
  /// How an asset's URL is fetched. Only URLs of the small S3 are; others always work.
  package var fetch = FetchMode.get
  /// The time from the answer to `POST /assets` until the URL is fetched.
  package var fetchDelay = Duration.zero
  /// Whether redirects are followed, up to five.
  package var followsRedirects = true
  /// The largest file in bytes.
  package var maximumSize: Int64 = 4 << 30
  /// The share of assets that fail, 0...1.
  package var failedShare = 0.0
  /// Whether messages about a file that cannot be used repeat its whole URL, the signature included.
  package var repeatsURLs = false
  /// The length of videos in seconds, from which each asset's is drawn.
  package var durations = 10...600
  /// What happens to the same asset in the same index again.
  package var repeats = Repeat.taken
  /// Whether answers have the `user_metadata` of assets.
  package var returnsMetadata = true
  /// Whether `GET /assets/ID/indexed-assets` exists.
  package var listsByAsset = true
  /// Whether unknown ids are answered 400 `resource_not_exist`, as older versions do, instead of 404 `not_found`.
  package var answersUnknownWith400 = false
  /// Budgets of `POST /assets`.
  package var uploadBudgets: [RequestBudget] = []
  /// Budgets of `POST .../indexed-assets`.
  package var indexBudgets: [RequestBudget] = []
  /// Budgets of what is indexed; the limit is in minutes of media.
  package var mediaBudgets: [RequestBudget] = []
  /// Budgets of all GETs.
  package var readBudgets: [RequestBudget] = []
  /// How a refusal for a budget tells the wait; nil means `Retry-After` and the headers of today.
  package var throttleForm: FaultKind?
  /// How many videos are indexed at the same time.
  package var indexingCap: Int?
  /// What happens to those beyond it.
  package var overflow = Overflow.queued

  /// A service without limits.
  package init() {}
}
