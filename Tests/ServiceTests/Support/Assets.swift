import AssetsService
import BatchDomain
import NIOConcurrencyHelpers
import ServiceHTTP
import TestSupport

/// An address with everything secret that one has.
let sampleURL =
  "https://media-west.s3.us-west-2.amazonaws.com/a/01%20%28final%29.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256"
  + "&X-Amz-Credential=AKIAEXAMPLE%2F20261126%2Fus-west-2%2Fs3%2Faws4_request&X-Amz-Date=20261126T220000Z"
  + "&X-Amz-Expires=43200&X-Amz-SignedHeaders=host"
  + "&X-Amz-Security-Token=t0kenFwoGZXIvYXdzEXAMPLE%2Ftoken%2Bwith%3Dsigns0123456789"
  + "&X-Amz-Signature=5ec7e7ff00aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d1577"

let sampleRun = "20261126-220000-000-abcd"

/// The tag of an item.
func sampleTag(
  run: String = sampleRun, number: Int = 7, index: IndexID = "i1",
  object: ObjectName = "s3://media-west/a/01.mp4"
) -> ItemTag {
  guard let run = RunID(rawValue: run) else { preconditionFailure("\(run) is no run id") }
  return ItemTag(run: run, number: number, index: index, object: object)
}

/// An asset to be made of a chunk.
func newAsset(url: String = sampleURL, fileName: FileName? = "01 (final).mp4") -> NewAsset {
  NewAsset(chunk: ChunkNumber(17), url: url, fileName: fileName, tag: sampleTag())
}

/// Runs a body with a client of profile v1.3 and shuts it down afterwards, whatever happens.
func withAssets<Value>(
  _ baseURL: String, clock: TimeOutClock = TimeOutClock(), _ body: (AssetsHTTP) async throws -> Value
) async throws -> Value {
  let endpoint = ServiceEndpoint(
    baseURL: baseURL, key: try APIKey(testKey), userAgent: "orchestrate/0.0.0-test",
    idleConnectionTime: .seconds(3_600))
  let service = AssetsHTTP(endpoint, clock: clock)
  do {
    let value = try await body(service)
    await service.shutdown()
    return value
  } catch {
    await service.shutdown()
    throw error
  }
}

/// Addresses of objects, or an error.
struct FixedURLs: ObjectURLSource {
  var error: ObjectURLError?
  var expiresAt: Timestamp?
  /// What an address takes, on that clock.
  var taking: (time: Duration, clock: ManualClock)?
  /// Whether one has ended early, and the moments for which that was asked.
  var endedEarly: (answer: Bool, asked: Journal<Duration>)?

  func url(for object: ObjectName) async throws(ObjectURLError) -> ObjectURL {
    if let taking { taking.clock.advance(by: taking.time) }
    if let error { throw error }
    guard let endedEarly else { return ObjectURL(sampleURL, expiresAt: expiresAt) }
    return ObjectURL(sampleURL, expiresAt: expiresAt) { moment in
      endedEarly.asked.append(moment)
      return endedEarly.answer
    }
  }
}

/// A gate that counts, and that a test can close for good.
final class CountingGate: ReadingGate {
  private let state = NIOLockedValueBox((entered: 0, throttled: [Duration?](), limit: Int.max))

  /// Requests that were let through.
  var entered: Int { state.withLockedValue { $0.entered } }
  /// Waits of throttled requests.
  var throttled: [Duration?] { state.withLockedValue { $0.throttled } }

  /// Lets no more than that many requests through.
  func stop(after limit: Int) { state.withLockedValue { $0.limit = limit } }

  func enter() async -> Bool {
    state.withLockedValue { state in
      guard state.entered < state.limit else { return false }
      state.entered += 1
      return true
    }
  }

  func leave(isThrottled: Bool, asked: Duration?) {
    if isThrottled { state.withLockedValue { $0.throttled.append(asked) } }
  }
}

/// What a service of profile v1.3 has, as far as a test says so. Lists are newest first and in pages.
final class ModelAssets: AssetsAPI {
  /// What it has, and how it answers.
  struct Model: Sendable {
    /// Newest first.
    var assets: [AssetRow] = []
    /// Newest first; each with its asset and its index.
    var indexed: [IndexedAssetRow] = []
    var indexes: [IndexID: IndexDescription] = [:]
    /// Answers to creating requests, in order.
    var creations: [Result<CreationAnswer, TransportFailure>] = []
    /// What comes in place of a list or an index, by the kind of request.
    var failures: [Call: ListingFailure] = [:]
    /// Whether the list by ids ignores them.
    var ignoresIDs = false
    /// Whether every page of a list is the first one.
    var ignoresPages = false
    /// Pages of lists that come without their rows and say that there are five pages.
    var emptiedPages: Set<Int> = []
    /// Whether the list of an asset shows what was made of others, too.
    var ignoresAssets = false
    /// Whether the list of an asset says of which asset a row is.
    var namesAssets = true
    /// Assets that lists do not show yet.
    var unlisted: [AssetRow] = []
    /// What happens to the model after a request of that kind, once.
    var after: [Call: @Sendable (inout Model) -> Void] = [:]
  }

  /// Kinds of requests.
  enum Call: Sendable, Hashable {
    case create, add, byIDs, byID, list, named, ofAsset, ofIndex, index, indexedAsset
  }

  let pageLimit: Int
  let model: NIOLockedValueBox<Model>
  /// Requests in order.
  let calls = Journal<Call>()
  /// Assets that were to be made.
  let created = Journal<NewAsset>()
  /// The time limits of requests that make assets.
  let timeouts = Journal<Duration>()
  /// Indexed assets that were to be made.
  let added = Journal<NewIndexedAsset>()

  init(_ model: Model = Model(), pageLimit: Int = 50) {
    self.model = NIOLockedValueBox(model)
    self.pageLimit = pageLimit
  }

  /// Changes what the service has.
  func change(_ body: @Sendable (inout Model) -> Void) { model.withLockedValue { body(&$0) } }

  func create(_ asset: NewAsset, timeout: Duration) async -> Result<CreationAnswer, TransportFailure> {
    created.append(asset)
    timeouts.append(timeout)
    return creation(.create)
  }

  func add(_ asset: NewIndexedAsset, timeout: Duration) async -> Result<CreationAnswer, TransportFailure> {
    added.append(asset)
    return creation(.add)
  }

  private func creation(_ call: Call) -> Result<CreationAnswer, TransportFailure> {
    calls.append(call)
    return model.withLockedValue {
      $0.creations.isEmpty
        ? .failure(TransportFailure(progress: .maybeWritten, code: "reset", message: "m"))
        : $0.creations.removeFirst()
    }
  }

  private func answer<Value>(
    _ call: Call, _ value: (Model) -> Value
  ) throws(ListingFailure) -> Value {
    calls.append(call)
    let (result, failure) = model.withLockedValue { model in
      let result = (value(model), model.failures[call])
      model.after.removeValue(forKey: call)?(&model)
      return result
    }
    if let failure { throw failure }
    return result
  }

  private func page<Row>(_ rows: [Row], _ page: Int, _ limit: Int, of model: Model) -> ListPage<Row> {
    if model.emptiedPages.contains(page) { return ListPage([], lastPage: 5) }
    return ListPage(Array(rows.dropFirst(model.ignoresPages ? 0 : (page - 1) * limit).prefix(limit)))
  }

  func assets(ids: [String]) async throws(ListingFailure) -> [AssetRow] {
    try answer(.byIDs) { model in
      Array(model.assets.filter { model.ignoresIDs || ids.contains($0.id) }.prefix(pageLimit))
    }
  }

  func asset(_ id: String) async throws(ListingFailure) -> AssetRow {
    let found = try answer(.byID) { model in (model.assets + model.unlisted).first { $0.id == id } }
    guard let found else { throw .missing }
    return found
  }

  func assets(page: Int, limit: Int, fileName: FileName?) async throws(ListingFailure) -> ListPage<AssetRow> {
    try answer(fileName == nil ? .list : .named) { model in
      self.page(
        model.assets.filter { fileName == nil || $0.fileName == fileName }, page, limit, of: model)
    }
  }

  func indexedAssets(of asset: String, page: Int) async throws(ListingFailure) -> ListPage<IndexedAssetRow> {
    try answer(.ofAsset) { model in
      var listed = self.page(
        model.indexed.filter { model.ignoresAssets || $0.asset == asset }, page, pageLimit, of: model)
      if !model.namesAssets {
        for row in listed.rows.indices { listed.rows[row].asset = nil }
      }
      return listed
    }
  }

  func indexedAssets(in index: IndexID, page: Int) async throws(ListingFailure) -> ListPage<IndexedAssetRow> {
    try answer(.ofIndex) { model in
      self.page(model.indexed.filter { $0.index == index }, page, pageLimit, of: model)
    }
  }

  func indexedAsset(_ id: String, in index: IndexID) async throws(ListingFailure) -> IndexedAssetRow {
    let found = try answer(.indexedAsset) { model in
      model.indexed.first { $0.id == id && $0.index == index }
    }
    guard let found else { throw .missing }
    return found
  }

  func index(_ id: IndexID) async throws(ListingFailure) -> IndexDescription {
    let found = try answer(.index) { $0.indexes[id] }
    guard let found else { throw .missing }
    return found
  }
}

extension ListingFailure {
  /// What is not there.
  static let missing = ListingFailure.refused(Answer(status: 404, code: "not_found", body: .json))
  /// The key is refused.
  static let keyRefused = ListingFailure.refused(
    Answer(status: 401, code: "api_key_invalid", message: "no such key", body: .json))
  /// The service asks to come back later.
  static let throttled = ListingFailure.refused(Answer(status: 429, body: .json, wait: .seconds(9)))
  /// The service is out of order.
  static let broken = ListingFailure.refused(Answer(status: 500, body: .other))
}
