import AssetsService
import BatchDomain
import NIOConcurrencyHelpers
import ServiceHTTP
import TestSupport
import Testing

/// What settling makes of lists, look by look. The attempt in question ran from second 0 to second 10.
@Suite struct AssetSettlingTests {
  /// What the store knows.
  final class Records: SettlingRecords {
    struct State {
      var spent: Set<String> = []
      var holders: [ChunkStep: [String: Set<ChunkNumber>]] = [:]
      var acceptances: [(step: ChunkStep, intent: Int, acceptance: StepAcceptance)] = []
      var lags: [IndexID: ListingLag] = [:]
    }

    let state = NIOLockedValueBox(State())

    func witnesses(
      index: IndexID, intents: Range<Int>, begunAfter moment: Timestamp?, newestFirst: Bool, limit: Int
    ) async throws -> [Witness] { [] }
    func sends(of names: [IndexID: Set<FileName>], since moment: Timestamp) async throws -> [NamedSend] { [] }
    func listingLag(of index: IndexID) async throws -> ListingLag? {
      state.withLockedValue { $0.lags[index] }
    }
    func remember(_ lag: ListingLag, of index: IndexID) async throws {
      state.withLockedValue { $0.lags[index] = lag }
    }
    func intents() async throws -> Int { 0 }
    func acceptance(of step: ChunkStep, after intents: Int) async throws -> StepAcceptance? {
      state.withLockedValue { state in
        state.acceptances.filter { $0.step == step && $0.intent > intents }.max { $0.intent < $1.intent }?
          .acceptance
      }
    }
    func recorded(among ids: Set<String>) async throws -> RecordedIDs {
      state.withLockedValue { state in
        RecordedIDs(
          spent: state.spent.intersection(ids),
          chunks: state.holders.mapValues { $0.filter { ids.contains($0.key) } })
      }
    }
  }

  let clock = ManualClock()
  let gate = CountingGate()
  let records = Records()
  let start: Timestamp

  init() { start = clock.now() }

  func strategy(_ model: ModelAssets) throws -> any SettlingStrategy {
    AssetsService(
      model, urls: FixedURLs(), run: try #require(RunID(rawValue: sampleRun)), urlLifetime: .seconds(3_600),
      clock: clock, destination: "https://api.test/v1.3/assets"
    ).settling(
      SettlingContext(
        evidence: records, gate: gate, clock: clock, delay: .seconds(30), grace: .seconds(60)))
  }

  let object: ObjectName = "s3://media-west/a/01.mp4"

  func unknown(
    _ step: ChunkStep = .upload, status: Int? = nil, code: String? = "reset",
    loss: UnknownChunk.Loss = .broken,
    elsewhere: Bool = false, asset: String? = "a1"
  ) -> UnknownChunk {
    UnknownChunk(
      number: ChunkNumber(4), firstItem: 7,
      items: [UnknownChunk.Item(index: "i1", object: object, name: object.fileName)], attempt: 1, step: step,
      externalIDs: step == .index ? asset.map { [.upload: $0] } ?? [:] : [:], startedAt: start,
      endedAt: start + .seconds(10), intent: 100, endedAfter: 110, loss: loss, status: status, code: code,
      wasSentElsewhere: elsewhere)
  }

  var tag: ItemTag { sampleTag(number: 7, index: "i1", object: object) }

  /// An asset of this run.
  func asset(
    _ id: String, _ seconds: Int = 5, item: String? = nil, status: String = "processing"
  ) -> AssetRow {
    AssetRow(
      id: id, status: status, fileName: "w.mp4", createdAt: start + .seconds(seconds), hasMetadata: true,
      item: item ?? tag.item, run: sampleRun)
  }

  /// Another chunk of the run is accepted; its intent comes before or after the end of the attempt in question.
  func accepted(
    _ id: String, _ seconds: Int, step: ChunkStep = .upload, asset: String? = nil, index: IndexID? = nil,
    chunk: Int = 9
  ) {
    let acceptance = StepAcceptance(
      chunk: ChunkNumber(chunk), externalID: id, startedAt: start + .seconds(seconds),
      acceptedAt: start + .seconds(seconds + 1), externalIDs: asset.map { [.upload: $0] } ?? [:], index: index
    )
    records.state.withLockedValue {
      $0.acceptances.append((step, seconds > 10 ? 111 + seconds : max(1, 100 + seconds), acceptance))
    }
  }

  func move(to seconds: Int) { clock.advance(by: (start + .seconds(seconds)).since(clock.now())) }

  /// Looks once.
  func look(
    _ strategy: inout any SettlingStrategy, _ chunk: UnknownChunk, at seconds: Int
  ) async throws -> SettlingReading {
    move(to: seconds)
    let readings = try #require(try await strategy.look(at: [chunk], canSendMore: false))
    return try #require(readings[chunk.number])
  }

  func isOpen(_ reading: SettlingReading) -> Bool {
    if case .open = reading.finding { true } else { false }
  }

  @Test func `an asset with the item's tag is proof at once`() async throws {
    let model = ModelAssets(.init(assets: [asset("b1", item: "other"), asset("a1")]))
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(code: "timeout"), at: 15)
    #expect(reading.finding == .received)
    #expect(reading.externalID == "a1")
    #expect(!reading.isDone)
    #expect(reading.surplus.isEmpty)
    #expect(reading.evidence.tasksListed == 2)
    #expect(reading.evidence.lastLookAt == start + .seconds(15))
  }

  @Test func `an asset that is ready is polled all the same, for the length of its media`() async throws {
    var strategy = try strategy(ModelAssets(.init(assets: [asset("a1", status: "ready")])))
    let reading = try await look(&strategy, unknown(), at: 15)
    #expect(reading.finding == .received && !reading.isDone)
  }

  @Test func `of several assets the oldest is used, and the others are surplus`() async throws {
    let rows = [asset("a3"), asset("a1"), asset("a2")]
    var strategy = try strategy(ModelAssets(.init(assets: rows)))
    let reading = try await look(&strategy, unknown(), at: 15)
    #expect(reading.externalID == "a1")
    #expect(reading.surplus == ["a2", "a3"])
  }

  @Test func `an asset that failed gives way to one that did not`() async throws {
    let rows = [asset("a2"), asset("a1", status: "failed")]
    var strategy = try strategy(ModelAssets(.init(assets: rows)))
    let reading = try await look(&strategy, unknown(), at: 15)
    #expect(reading.externalID == "a2")
    #expect(reading.surplus == ["a1"])
  }

  @Test func `what an earlier attempt made in vain says nothing`() async throws {
    records.state.withLockedValue { $0.spent = ["a1"] }
    var strategy = try strategy(ModelAssets(.init(assets: [asset("a1", status: "failed")])))
    #expect(isOpen(try await look(&strategy, unknown(), at: 15)))
    let model = ModelAssets(.init(assets: [asset("a2"), asset("a1", status: "failed")]))
    var other = try self.strategy(model)
    let reading = try await look(&other, unknown(), at: 16)
    #expect(reading.externalID == "a2")
    #expect(reading.surplus.isEmpty)
  }

  @Test func `an absence counts beside an asset of the run that was begun later, in two looks`() async throws
  {
    accepted("b1", 11)
    var strategy = try strategy(ModelAssets(.init(assets: [asset("b1", 11, item: "other")])))
    #expect(try await look(&strategy, unknown(), at: 20).finding == .unconfirmed)
    let reading = try await look(&strategy, unknown(), at: 50)
    #expect(reading.finding == .notReceived)
    #expect(reading.evidence.witnesses == [ChunkNumber(9)])
    #expect(reading.evidence.firstLookAt == start + .seconds(20))
    #expect(reading.evidence.lastLookAt == start + .seconds(50))
  }

  @Test func `an asset that was begun before the attempt ended is no witness`() async throws {
    accepted("b1", 9)
    var strategy = try strategy(ModelAssets(.init(assets: [asset("b1", 9, item: "other")])))
    #expect(isOpen(try await look(&strategy, unknown(), at: 20)))
  }

  @Test func `a request that a gateway may hold has its grace`() async throws {
    accepted("b1", 30)
    var strategy = try strategy(
      ModelAssets(.init(assets: [asset("b2", 71, item: "other"), asset("b1", 30, item: "other")])))
    let held = unknown(status: 502, code: nil, loss: .answered)
    // The witness was begun while the request could still arrive.
    #expect(
      try await look(&strategy, held, at: 40).finding == .open(notBefore: start + .seconds(70)))
    #expect(isOpen(try await look(&strategy, held, at: 71)))
    accepted("b2", 71)
    #expect(try await look(&strategy, held, at: 75).finding == .unconfirmed)
    #expect(try await look(&strategy, held, at: 105).finding == .notReceived)
  }

  @Test func `without a witness an absence counts after twice the settle delay, in two looks`() async throws {
    var strategy = try strategy(ModelAssets())
    #expect(try await look(&strategy, unknown(), at: 40).finding == .open(notBefore: start + .seconds(70)))
    #expect(try await look(&strategy, unknown(), at: 69).finding == .open(notBefore: start + .seconds(70)))
    #expect(try await look(&strategy, unknown(), at: 70).finding == .unconfirmed)
    #expect(try await look(&strategy, unknown(), at: 100).finding == .notReceived)
  }

  @Test func `a list that was slow once is given twice that time`() async throws {
    records.state.withLockedValue {
      $0.lags[IndexID("")] = ListingLag(acceptedAt: start, lag: .seconds(100))
    }
    var strategy = try strategy(ModelAssets())
    #expect(try await look(&strategy, unknown(), at: 100).finding == .open(notBefore: start + .seconds(210)))
    #expect(try await look(&strategy, unknown(), at: 210).finding == .unconfirmed)
  }

  @Test func `a list that does not show what was accepted later is behind`() async throws {
    accepted("b1", 15)
    var strategy = try strategy(ModelAssets())
    // 85 s behind at least: nothing counts before 170 s have passed.
    #expect(try await look(&strategy, unknown(), at: 100).finding == .open(notBefore: start + .seconds(180)))
  }

  @Test func `while the list lacks what was accepted last, nothing is concluded, however long that takes`()
    async throws
  {
    // Begun before the attempt ended, it can be no witness, and the list does not show it.
    accepted("b0", 4)
    let model = ModelAssets()
    var strategy = try strategy(model)
    #expect(try await look(&strategy, unknown(), at: 70).finding == .open(notBefore: start + .seconds(142)))
    #expect(isOpen(try await look(&strategy, unknown(), at: 142)))
    #expect(isOpen(try await look(&strategy, unknown(), at: 290)))
    let late = asset("b0", 4, item: "other")
    model.change { $0.assets = [late] }
    // It took at most 296 s, and twice that has to pass.
    #expect(try await look(&strategy, unknown(), at: 300).finding == .open(notBefore: start + .seconds(602)))
    #expect(records.state.withLockedValue { $0.lags[IndexID("")]?.lag } == .seconds(296))
    #expect(try await look(&strategy, unknown(), at: 601).finding == .open(notBefore: start + .seconds(602)))
    #expect(try await look(&strategy, unknown(), at: 602).finding == .unconfirmed)
    #expect(try await look(&strategy, unknown(), at: 632).finding == .notReceived)
  }

  @Test func `the same holds for what was begun long after the attempt, and accepted just now`() async throws
  {
    accepted("b1", 110)
    let model = ModelAssets()
    var strategy = try strategy(model)
    #expect(try await look(&strategy, unknown(), at: 111).finding == .open(notBefore: start + .seconds(141)))
    #expect(isOpen(try await look(&strategy, unknown(), at: 141)))
    let late = asset("b1", 110, item: "other")
    model.change { $0.assets = [late] }
    #expect(try await look(&strategy, unknown(), at: 171).finding == .unconfirmed)
    #expect(try await look(&strategy, unknown(), at: 201).finding == .notReceived)
  }

  @Test func `a list that shows what was accepted last is read as far back as that`() async throws {
    accepted("b0", -500)
    let own = asset("b0", -500, item: "other")
    let rows = (0..<20).map { number in
      AssetRow(
        id: "c\(number)", status: "ready", fileName: "x.mp4", createdAt: start - .seconds(200 + number),
        hasMetadata: true, item: nil, run: "another")
    }
    let model = ModelAssets(.init(assets: rows), pageLimit: 3)
    var strategy = try strategy(model)
    #expect(isOpen(try await look(&strategy, unknown(), at: 70)))
    model.change { $0.assets.append(own) }
    // Missing once, it counts as having taken 600 s.
    #expect(
      try await look(&strategy, unknown(), at: 100).finding == .open(notBefore: start + .seconds(1_210)))
    var other = try self.strategy(model)
    records.state.withLockedValue { $0.lags = [:] }
    #expect(try await look(&other, unknown(), at: 110).finding == .unconfirmed)
  }

  @Test func `what is missing before an asset that is shown is no lag`() async throws {
    accepted("b0", 3)
    let model = ModelAssets()
    var strategy = try strategy(model)
    #expect(isOpen(try await look(&strategy, unknown(), at: 20)))
    accepted("b1", 5)
    let shown = asset("b1", 5, item: "other")
    model.change { $0.assets = [shown] }
    #expect(try await look(&strategy, unknown(), at: 70).finding == .unconfirmed)
  }

  @Test func `an accepted asset that came to nothing is not waited for`() async throws {
    accepted("b0", 4)
    records.state.withLockedValue { $0.spent = ["b0"] }
    var strategy = try strategy(ModelAssets())
    #expect(try await look(&strategy, unknown(), at: 70).finding == .unconfirmed)
  }

  @Test func `what is accepted within the grace takes the place of no witness`() async throws {
    let held = unknown(status: 504, code: nil, loss: .answered)
    let model = ModelAssets()
    var strategy = try strategy(model)
    for (number, second) in [15, 25, 35, 45, 55, 65].enumerated() {
      accepted("c\(number)", second)
      let row = asset("c\(number)", second, item: "other \(number)")
      model.change { $0.assets.insert(row, at: 0) }
      #expect(isOpen(try await look(&strategy, held, at: second + 1)))
    }
    // While sending goes on, the list never shows the newest.
    accepted("w1", 71)
    #expect(isOpen(try await look(&strategy, held, at: 75)))
    accepted("w2", 100)
    let witness = asset("w1", 71, item: "other")
    model.change { $0.assets.insert(witness, at: 0) }
    #expect(try await look(&strategy, held, at: 105).finding == .unconfirmed)
    accepted("w3", 130)
    #expect(try await look(&strategy, held, at: 135).finding == .notReceived)
  }

  @Test func `an acceptance that is missing at one look and shown at the next measures the list`()
    async throws
  {
    accepted("b1", 15)
    let model = ModelAssets()
    var strategy = try strategy(model)
    _ = try await look(&strategy, unknown(), at: 20)
    let late = asset("b1", 15, item: "other")
    model.change { $0.assets = [late] }
    // The newest acceptance is another by now; the first is remembered.
    accepted("b9", 49)
    #expect(try await look(&strategy, unknown(), at: 50).finding == .unconfirmed)
    let lag = records.state.withLockedValue { $0.lags[IndexID("")] }
    #expect(lag?.lag == .seconds(35))
  }

  @Test func `an asset that shows late measures the list`() async throws {
    let model = ModelAssets()
    var strategy = try strategy(model)
    _ = try await look(&strategy, unknown(), at: 40)
    let late = asset("a1")
    model.change { $0.assets = [late] }
    #expect(try await look(&strategy, unknown(), at: 60).finding == .received)
    #expect(records.state.withLockedValue { $0.lags[IndexID("")]?.lag } == .seconds(60))
  }

  @Test func `two looks have to agree in a row`() async throws {
    let model = ModelAssets()
    var strategy = try strategy(model)
    #expect(try await look(&strategy, unknown(), at: 70).finding == .unconfirmed)
    model.change { $0.failures[.list] = .broken }
    #expect(isOpen(try await look(&strategy, unknown(), at: 100)))
    model.change { $0.failures = [:] }
    #expect(try await look(&strategy, unknown(), at: 130).finding == .unconfirmed)
    #expect(try await look(&strategy, unknown(), at: 160).finding == .notReceived)
  }

  @Test func `time that only the clock says has passed does not count`() async throws {
    let model = ModelAssets()
    var strategy = try strategy(model)
    _ = try await look(&strategy, unknown(), at: 20)
    clock.setNow(start + .seconds(3_600))
    let readings = try #require(try await strategy.look(at: [unknown()], canSendMore: false))
    #expect(readings[ChunkNumber(4)].map(isOpen) == true)
  }

  @Test func `an asset of that name without metadata leaves it to a person`() async throws {
    let bare = AssetRow(
      id: "b1", status: "ready", fileName: object.fileName, createdAt: start + .seconds(5))
    var strategy = try strategy(ModelAssets(.init(assets: [bare])))
    let reading = try await look(&strategy, unknown(), at: 1_000)
    #expect(reading.finding == .undecidable)
    #expect(reading.evidence.text.contains("metadata"))
    // One from long before is somebody else's.
    let old = AssetRow(
      id: "b1", status: "ready", fileName: object.fileName, createdAt: start - .seconds(121))
    var other = try self.strategy(ModelAssets(.init(assets: [old])))
    #expect(try await look(&other, unknown(), at: 2_000).finding == .unconfirmed)
  }

  @Test func `while no asset shows that metadata is kept, others without it leave it open`() async throws {
    let bare = AssetRow(id: "b1", status: "ready", fileName: "x.mp4", createdAt: start + .seconds(5))
    let model = ModelAssets(.init(assets: [bare]))
    var strategy = try strategy(model)
    #expect(isOpen(try await look(&strategy, unknown(), at: 1_000)))
    let own = asset("b0", 1, item: "other")
    model.change { $0.assets.append(own) }
    #expect(try await look(&strategy, unknown(), at: 1_030).finding == .unconfirmed)
  }

  @Test func `a list is read back to two minutes before the attempt, in pages`() async throws {
    var rows = (0..<7).map { asset("c\($0)", 20 - $0, item: "other") }
    rows.append(asset("a1", -119))
    rows += (0..<20).map { asset("d\($0)", -121 - $0, item: "other") }
    let model = ModelAssets(.init(assets: rows), pageLimit: 3)
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(), at: 25)
    #expect(reading.externalID == "a1")
    #expect(reading.evidence.tasksListed == 8)
    // Pages 1 to 4, of which the last is older than the window, and page 1 again, which brings nothing new.
    #expect(model.calls.entries.count == 5)
  }

  @Test func `rows that move to the next page while the list grows are neither lost nor counted twice`()
    async throws
  {
    let rows = (0..<6).map { asset("c\($0)", 20 - $0, item: "other") }
    let model = ModelAssets(.init(assets: rows), pageLimit: 3)
    let late = asset("a1", 22)
    model.change { $0.after[.list] = { $0.assets.insert(late, at: 0) } }
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(), at: 25)
    #expect(reading.externalID == "a1")
    #expect(reading.evidence.tasksListed == 7)
  }

  @Test func `one sweep serves all chunks`() async throws {
    let model = ModelAssets(.init(assets: [asset("a1")]))
    var strategy = try strategy(model)
    var second = unknown()
    second.number = ChunkNumber(5)
    second.firstItem = 8
    move(to: 15)
    let readings = try await strategy.look(at: [unknown(), second], canSendMore: true)
    #expect(readings?[ChunkNumber(4)]?.finding == .received)
    #expect(readings?[ChunkNumber(5)].map(isOpen) == true)
    #expect(Set(model.calls.entries) == [.list])
  }

  @Test func `where the list is too long, only what is there is believed`() async throws {
    let rows = (0..<401).map { asset("c\($0)", 20, item: "other") }
    let model = ModelAssets(.init(assets: rows), pageLimit: 1)
    var strategy = try strategy(model)
    #expect(isOpen(try await look(&strategy, unknown(), at: 1_000)))
    #expect(model.calls.entries.contains(.named))
    var named = asset("a1")
    named.fileName = object.fileName
    model.change { [named] in $0.assets.append(named) }
    #expect(try await look(&strategy, unknown(), at: 2_000).externalID == "a1")
  }

  @Test func `a list that cannot be read leaves it open, and says why`() async throws {
    let model = ModelAssets(.init(failures: [.list: .throttled]))
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(), at: 1_000)
    #expect(reading.finding == .open(notBefore: nil))
    #expect(reading.evidence.text.contains("429"))
    #expect(gate.throttled == [.seconds(9)])
  }

  @Test func `nothing is said once the run stops`() async throws {
    gate.stop(after: 0)
    var strategy = try strategy(ModelAssets())
    #expect(try await strategy.look(at: [unknown()], canSendMore: false) == nil)
  }

  @Test func `what was sent to another address is left to a person`() async throws {
    let model = ModelAssets(.init(assets: [asset("a1")]))
    var strategy = try strategy(model)
    #expect(try await look(&strategy, unknown(elsewhere: true), at: 15).finding == .undecidable)
    #expect(model.calls.entries.isEmpty)
  }

  @Test func `an asset that the service gave to another chunk is neither proof nor surplus`() async throws {
    records.state.withLockedValue { $0.holders = [.upload: ["a1": [ChunkNumber(9)]]] }
    let model = ModelAssets(.init(assets: [asset("a1")]))
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(), at: 15)
    #expect(reading.finding == .undecidable)
    #expect(reading.evidence.text.contains("a1") && reading.evidence.text.contains("chunk 9"))
    let another = asset("a2")
    model.change { $0.assets.append(another) }
    let decided = try await look(&strategy, unknown(), at: 45)
    #expect(decided.externalID == "a2")
    #expect(decided.surplus.isEmpty)
    // What the chunk itself was given before is its own.
    records.state.withLockedValue { $0.holders = [.upload: ["a1": [ChunkNumber(4)]]] }
    #expect(try await look(&strategy, unknown(), at: 75).externalID == "a1")
  }

  @Test func `a list that gives the same rows on every page is left after a few, and says nothing`()
    async throws
  {
    let rows = (0..<3).map { asset("c\($0)", 20 - $0, item: "other") }
    let model = ModelAssets(.init(assets: rows, ignoresPages: true), pageLimit: 3)
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(), at: 1_000)
    #expect(isOpen(reading))
    #expect(reading.evidence.text.contains("the same rows on every page"))
    // Four pages and the first one again; then the first page of the name, which is empty.
    #expect(model.calls.entries == Array(repeating: .list, count: 5) + [.named])
    let own = asset("a1")
    model.change { $0.assets.insert(own, at: 0) }
    #expect(try await look(&strategy, unknown(), at: 1_030).externalID == "a1")
  }
  @Test func `an empty page that says that others follow it is read on behind, and no absence counts`()
    async throws
  {
    accepted("a9", 11)
    let others = [asset("a9", 12, item: "other"), asset("a8", 8, item: "another")]
    let own = asset("a1")
    let model = ModelAssets(.init(assets: others, emptiedPages: [2]), pageLimit: 1)
    var strategy = try strategy(model)
    for seconds in [1_000, 1_030, 1_060] {
      let reading = try await look(&strategy, unknown(), at: seconds)
      #expect(isOpen(reading))
      #expect(reading.evidence.text == "page 2 of the list of assets is empty although it has 5 pages")
    }
    // What is listed behind it is proof.
    model.change { $0.assets.append(own) }
    #expect(try await look(&strategy, unknown(), at: 1_090).externalID == "a1")
  }

  @Test func `a list of nothing but empty pages is left soon`() async throws {
    let model = ModelAssets(.init(emptiedPages: Set(1...5)))
    var strategy = try strategy(model)
    #expect(isOpen(try await look(&strategy, unknown(), at: 1_000)))
    #expect(model.calls.entries.count < 10)
  }
  @Test func `the item's tag is proof whatever the service's clock says`() async throws {
    let model = ModelAssets(.init(assets: [asset("a1", -86_400)]))
    var strategy = try strategy(model)
    #expect(try await look(&strategy, unknown(), at: 20).externalID == "a1")
    // Of others that are older than the window nothing is concluded.
    let other = asset("a2", -86_400, item: "other")
    model.change { $0.assets = [other] }
    accepted("a2", 11)
    for seconds in [1_000, 1_030] {
      #expect(isOpen(try await look(&strategy, unknown(), at: seconds)))
    }
  }
}
