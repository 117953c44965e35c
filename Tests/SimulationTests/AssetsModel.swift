import AssetsService
import BatchDomain
import NIOConcurrencyHelpers
import ServiceHTTP
import TestSupport

/// The service of today in one world: what was made of which object, on the world's time.
final class AssetsModel: Sendable {
  /// What an upload made.
  struct Asset: Sendable {
    let id: String
    let object: String
    let tag: ItemTag
    let name: FileName?
    let madeAt: Duration
    let readyAt: Duration
    let fails: Bool
  }

  /// What an index request made.
  struct Indexed: Sendable {
    let id: String
    let asset: String
    let index: IndexID
    let madeAt: Duration
  }

  private struct State {
    var assets: [Asset] = []
    var indexed: [Indexed] = []
    /// The ids that requests made, by their number.
    var made: [Int: String] = [:]
    /// Lists never go back.
    var shownUpTo: Duration = .seconds(-1)
  }

  let timeline: Timeline
  let dice: Dice
  let weather: Weather
  private let failing: Set<String>
  private let state = NIOLockedValueBox(State())

  init(timeline: Timeline, dice: Dice, weather: Weather, failing: Set<String>) {
    self.timeline = timeline
    self.dice = dice
    self.weather = weather
    self.failing = failing
  }

  var assets: [Asset] { state.withLockedValue { $0.assets } }
  var indexed: [Indexed] { state.withLockedValue { $0.indexed } }

  /// The id that a request made, if it was worked on.
  func made(by request: Int) -> String? { state.withLockedValue { $0.made[request] } }

  /// A request to make an asset is worked on.
  func upload(_ asset: NewAsset, request: Int) {
    let object = SimulatedURLs.object(of: asset.url)
    let takes = dice.chance(0.3) ? Duration.zero : dice.spread(0...4)
    state.withLockedValue { state in
      for _ in 0..<weather.timesTaken {
        // Ids begin with their time: they are in order.
        let id = Self.id(state.assets.count + state.indexed.count)
        state.assets.append(
          Asset(
            id: id, object: object, tag: asset.tag, name: asset.fileName, madeAt: timeline.elapsed,
            readyAt: timeline.elapsed + takes, fails: failing.contains(object)))
        state.made[request] = id
      }
    }
  }

  /// A request to index an asset is worked on.
  func index(_ asset: NewIndexedAsset, request: Int) {
    state.withLockedValue { state in
      for _ in 0..<weather.timesTaken {
        let id = Self.id(state.assets.count + state.indexed.count)
        state.indexed.append(
          Indexed(id: id, asset: asset.asset, index: asset.index, madeAt: timeline.elapsed))
        state.made[request] = id
      }
    }
  }

  private static func id(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return "68" + String(repeating: "0", count: 22 - digits.count) + digits
  }

  /// Rows of the assets with these ids: reading by id is never behind.
  func rows(ids: [String]) -> [AssetRow] {
    state.withLockedValue { state in state.assets.filter { ids.contains($0.id) } }.map(row)
  }

  /// A page of the list of assets, newest first.
  func list(page: Int, limit: Int) -> [AssetRow] {
    let upTo = shown()
    let assets = state.withLockedValue { state in state.assets.filter { $0.madeAt <= upTo } }
    return assets.reversed().dropFirst((page - 1) * limit).prefix(limit).map(row)
  }

  /// A page of what was indexed, of an asset or of an index.
  func listIndexed(page: Int, limit: Int, _ isWanted: (Indexed) -> Bool) -> [IndexedAssetRow] {
    let upTo = shown()
    let found = state.withLockedValue { state in state.indexed.filter { $0.madeAt <= upTo } }.filter(isWanted)
    return found.reversed().dropFirst((page - 1) * limit).prefix(limit).map {
      IndexedAssetRow(
        id: $0.id, asset: $0.asset, index: $0.index, createdAt: Timeline.start + $0.madeAt + weather.skew)
    }
  }

  private func shown() -> Duration {
    if weather.listing == .stuck { return .seconds(-1) }
    let upTo = timeline.elapsed - weather.lag * (0.6 + 0.4 * dice.source.nextUnit())
    return state.withLockedValue { state in
      state.shownUpTo = max(state.shownUpTo, upTo)
      return state.shownUpTo
    }
  }

  private func row(_ asset: Asset) -> AssetRow {
    let isDone = asset.readyAt <= timeline.elapsed
    let isTagged = weather.listing != .nameless
    return AssetRow(
      id: asset.id, status: isDone ? asset.fails ? "failed" : "ready" : "processing", fileName: asset.name,
      createdAt: Timeline.start + asset.madeAt + weather.skew, duration: isDone ? .seconds(60) : nil,
      message: isDone && asset.fails ? "the file is broken" : nil, hasMetadata: isTagged,
      item: isTagged ? asset.tag.item : nil, run: isTagged ? asset.tag.run : nil)
  }
}

/// Addresses that are the objects themselves, behind a host.
struct SimulatedURLs: ObjectURLSource {
  private static let host = "https://objects.example.org/"

  func url(for object: ObjectName) async throws(ObjectURLError) -> ObjectURL {
    ObjectURL(Self.host + object.rawValue, expiresAt: nil)
  }

  static func object(of url: String) -> String { String(url.dropFirst(host.count)) }
}

/// The client port of profile v1.3 as a process of a world has it: the model, with a possible death around every call.
struct SimulatedAssets: AssetsAPI {
  let process: SimulatedProcess
  let model: AssetsModel

  private var world: World { process.world }

  var pageLimit: Int { world.scenario.weather.pageLimit }

  func create(_ asset: NewAsset, timeout: Duration) async -> Result<CreationAnswer, TransportFailure> {
    await send("upload \(asset.chunk)", SimulatedURLs.object(of: asset.url), timeout) { [model] in
      model.upload(asset, request: $0)
    }
  }

  func add(_ asset: NewIndexedAsset, timeout: Duration) async -> Result<CreationAnswer, TransportFailure> {
    await send("index \(asset.asset.suffix(4))", "index \(asset.asset)", timeout) { [model] in
      model.index(asset, request: $0)
    }
  }

  private func send(
    _ what: String, _ object: String, _ timeout: Duration, _ work: @escaping @Sendable (Int) -> Void
  ) async -> Result<CreationAnswer, TransportFailure> {
    do {
      try await process.begin(what)
      let request = world.service.receive(Array(#"[{"index_id":"","object":"\#(object)"}]"#.utf8))
      let reply = world.service.reply(
        to: request.items, timeout: timeout, isCalm: world.isCalm(process.number))
      process.note("\(what) as \(request.number): \(reply.traced)")
      if reply.takes > 0 { process.depart(request.number, after: reply.takesAfter) { work(request.number) } }
      let hangsUp = reply.answersAfter >= timeout
      try await process.sleep(for: min(reply.answersAfter, timeout))
      try process.finish(what)
      let weather = world.scenario.weather
      guard !hangsUp else {
        process.abandon(request.number, lateness: max(weather.lateness, weather.gatewayLateness))
        return .failure(TransportFailure(progress: .maybeWritten, code: "timeout", message: "time-out"))
      }
      switch reply.exchange {
      case .failure(let failure):
        process.abandon(request.number, lateness: weather.lateness)
        return .failure(failure)
      case .success(let answer):
        let isTaken = (200..<300).contains(answer.status) && answer.mediaType != "text/html"
        let id = isTaken ? model.made(by: request.number) : nil
        let row = id.flatMap { id in model.rows(ids: [id]).first }
        return .success(CreationAnswer(answer, id: id, status: row?.status, duration: row?.duration))
      }
    } catch {
      return .failure(TransportFailure(progress: .maybeWritten, code: "gone", message: "the process is dead"))
    }
  }

  func assets(ids: [String]) async throws(ListingFailure) -> [AssetRow] {
    try await read("look at \(ids.count)", isList: false) { model.rows(ids: ids) }
  }

  func asset(_ id: String) async throws(ListingFailure) -> AssetRow {
    let found = try await read("look at \(id.suffix(4))", isList: false) { model.rows(ids: [id]).first }
    guard let found else {
      throw .refused(Answer(status: 404, code: "not_found", body: .json))
    }
    return found
  }

  func assets(page: Int, limit: Int, fileName: FileName?) async throws(ListingFailure) -> ListPage<AssetRow> {
    try await read("list \(page)") {
      ListPage(
        model.list(page: page, limit: limit).filter { row in fileName == nil || row.fileName == fileName })
    }
  }

  func indexedAssets(of asset: String, page: Int) async throws(ListingFailure) -> ListPage<IndexedAssetRow> {
    try await read("indexed of \(asset.suffix(4))") {
      ListPage(model.listIndexed(page: page, limit: pageLimit) { $0.asset == asset })
    }
  }

  func indexedAssets(in index: IndexID, page: Int) async throws(ListingFailure) -> ListPage<IndexedAssetRow> {
    try await read("indexed in \(index)") {
      ListPage(model.listIndexed(page: page, limit: pageLimit) { $0.index == index })
    }
  }

  func indexedAsset(_ id: String, in index: IndexID) async throws(ListingFailure) -> IndexedAssetRow {
    let found = try await read("indexed asset \(id)", isList: false) {
      model.listIndexed(page: 1, limit: .max) { $0.id == id }.first
    }
    guard let found else { throw .refused(Answer(status: 404)) }
    return found
  }

  func index(_ id: IndexID) async throws(ListingFailure) -> IndexDescription {
    try await read("index \(id)", isList: false) { IndexDescription(models: ["marengo3.0"]) }
  }

  private func read<Value: Sendable>(
    _ what: String, isList: Bool = true, _ body: () -> Value
  ) async throws(ListingFailure) -> Value {
    let gone = ListingFailure.transport(
      TransportFailure(progress: .maybeWritten, code: "gone", message: "the process is dead"))
    do {
      try await process.begin(what)
      try await process.sleep(for: world.dice.spread(0...2))
    } catch {
      throw gone
    }
    let weather = world.scenario.weather
    let fails = weather.listing == .failing && !world.isCalm(process.number) && world.dice.chance(0.4)
    let value = body()
    do {
      try await process.sleep(for: world.dice.spread(0...2))
      try process.finish(what)
    } catch {
      throw gone
    }
    process.note("\(what)\(fails ? " fails" : "")")
    if isList, weather.listing == .missing { throw .refused(Answer(status: 404)) }
    if fails {
      throw world.dice.pick([
        .refused(Answer(status: 500)),
        .refused(Answer(status: 429, wait: world.dice.milliseconds(0...5_000))),
        .transport(TransportFailure(progress: .notWritten, code: "connect_refused", message: "refused")),
      ])
    }
    return value
  }
}
