import ArgumentParser
import TransferSimulator

/// What profile v1.3 is like.
struct AssetsOptions: ParsableArguments {
  @Option(help: "v1.3: an index that exists (repeatable); else every index does.")
  var index: [String] = []

  @Option(help: "v1.3: the most videos that an index takes.")
  var videoCap: Int?

  @Option(
    help: "v1.3: how the URL of an asset is fetched: none, get or head-then-get. Only URLs of --bucket are.")
  var fetch = "get"

  @Option(help: "v1.3: the time from the answer until the URL is fetched.")
  var fetchDelay = "0s"

  @Option(help: "v1.3: the share of assets that fail, 0 to 1.")
  var assetFailedShare = 0.0

  @Option(help: "v1.3: the same asset in the same index again: taken, conflict or same-id.")
  var repeats = "taken"

  @Option(help: "v1.3: uploads per window, N/DURATION (repeatable).")
  var uploadBudget: [String] = []

  @Option(help: "v1.3: requests that index per window, N/DURATION (repeatable).")
  var indexBudget: [String] = []

  @Option(help: "v1.3: minutes of media per window, N/DURATION (repeatable).")
  var mediaBudget: [String] = []

  @Option(help: "v1.3: GETs per window, N/DURATION (repeatable).")
  var readBudget: [String] = []

  @Option(help: "v1.3: how many videos are indexed at the same time.")
  var indexingCap: Int?

  @Option(help: "v1.3: indexing beyond the cap: queued or refused.")
  var overflow = "queued"

  @Flag(help: "v1.3: unknown ids are answered 400 resource_not_exist instead of 404 not_found.")
  var unknownIs400 = false

  @Flag(help: "v1.3: assets are shown without their user_metadata.")
  var withoutMetadata = false

  @Flag(help: "v1.3: there is no list of indexed assets by asset.")
  var withoutListByAsset = false

  /// The configuration; throws `ValidationError` for the first option that is not understood.
  func configuration() throws -> AssetsConfiguration {
    var assets = AssetsConfiguration()
    if !index.isEmpty { assets.indexes = index.map { AssetsConfiguration.Index(id: $0) } }
    for (name, count) in [("--video-cap", videoCap), ("--indexing-cap", indexingCap)] {
      if let count, count < 1 { throw ValidationError("\(name) must be 1 or more, not '\(count)'") }
    }
    guard (0...1).contains(assetFailedShare) else {
      throw ValidationError("'\(assetFailedShare)' is not a share from 0 to 1")
    }
    assets.videoCap = videoCap
    assets.fetch = try SimulatorCommand.choice(fetch, "--fetch")
    assets.fetchDelay = try SimulatorCommand.duration(fetchDelay)
    assets.failedShare = assetFailedShare
    assets.repeats = try SimulatorCommand.choice(repeats, "--repeats")
    assets.uploadBudgets = try uploadBudget.map(SimulatorCommand.budget)
    assets.indexBudgets = try indexBudget.map(SimulatorCommand.budget)
    assets.mediaBudgets = try mediaBudget.map(SimulatorCommand.budget)
    assets.readBudgets = try readBudget.map(SimulatorCommand.budget)
    assets.indexingCap = indexingCap
    assets.overflow = try SimulatorCommand.choice(overflow, "--overflow")
    assets.answersUnknownWith400 = unknownIs400
    assets.returnsMetadata = !withoutMetadata
    assets.listsByAsset = !withoutListByAsset
    return assets
  }
}

/// What the small S3 is like.
struct ObjectStoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "S3: a bucket with so many videos, in that region, else us-west-2 (repeatable).",
      valueName: "NAME[@REGION][:COUNT]"))
  var bucket: [String] = []

  @Option(help: "S3: the access key id that is known; the default is that of AWS's examples.")
  var accessKeyID = SimulatedCredentials.example.accessKeyID

  @Option(help: "S3: its secret, which is none: this is a stand-in.")
  var secretAccessKey = SimulatedCredentials.example.secret

  @Option(help: "S3: the session token that has to come with it.")
  var sessionToken: String?

  @Option(help: "S3: what the keys of the videos begin with.")
  var keyPrefix = "videos/"

  @Flag(help: "S3: plain names, without spaces, plus signs and letters beyond ASCII.")
  var plainNames = false

  @Option(help: "S3: every n-th video has subtitles beside it.")
  var subtitlesEvery: Int?

  @Option(help: "S3: every n-th video is larger than 4 GB.")
  var largeEvery: Int?

  @Option(help: "S3: every n-th video is in GLACIER.")
  var archivedEvery: Int?

  @Flag(help: "S3: GET and HEAD find an object under every key, listed or not.")
  var everyKey = false

  @Flag(help: "S3: a request for an object has to say that its sender pays.")
  var requesterPays = false

  @Option(help: "S3: how the wrong region is answered: 301, 307 or 400.")
  var wrongRegion = "301"

  @Flag(help: "S3: listings spell a space %20, as moto does, and not +.")
  var spaceAsPercent = false

  @Option(help: "S3: every bucket has an inventory whose keys begin with this.")
  var inventory: String?

  /// The configuration; nil without buckets. Throws `ValidationError` for the first option that is not understood.
  func configuration() throws -> ObjectStoreConfiguration? {
    guard !bucket.isEmpty else { return nil }
    var store = ObjectStoreConfiguration()
    for (name, count) in [
      ("--subtitles-every", subtitlesEvery), ("--large-every", largeEvery),
      ("--archived-every", archivedEvery),
    ] {
      if let count, count < 1 { throw ValidationError("\(name) must be 1 or more, not '\(count)'") }
    }
    store.buckets = try bucket.map { text in
      let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let place = halves[0].split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
      let count = halves.count > 1 ? Int(halves[1]) : 0
      guard let count, count >= 0, !place[0].isEmpty, place.count < 2 || !place[1].isEmpty else {
        throw ValidationError(
          "'\(text)' is not a bucket; expected NAME[@REGION][:COUNT], for example media-west@us-west-2:1000")
      }
      var bucket = SyntheticBucket(
        String(place[0]), region: place.count > 1 ? String(place[1]) : "us-west-2", count: count)
      bucket.prefix = keyPrefix
      bucket.hasOddNames = !plainNames
      bucket.subtitlesEvery = subtitlesEvery
      bucket.largeEvery = largeEvery
      bucket.archivedEvery = archivedEvery
      bucket.holdsEveryKey = everyKey
      bucket.requesterPays = requesterPays
      return bucket
    }
    store.credentials = [
      SimulatedCredentials(accessKeyID: accessKeyID, secret: secretAccessKey, sessionToken: sessionToken)
    ]
    store.wrongRegion = try SimulatorCommand.choice(wrongRegion, "--wrong-region")
    store.encodesSpaceAsPercent = spaceAsPercent
    store.inventoryPrefix = inventory
    return store
  }
}
