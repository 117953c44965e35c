import AssetsService
import BatchDomain
import ServiceHTTP
import TestSupport
import Testing
import TransferSimulator

/// The module against the simulated service, over HTTP: what one of them writes, the other reads with code of its own.
@Suite(.timeLimit(.minutes(10)))
struct AssetsSimulatorTests {
  private static let object: ObjectName = "s3://media-west/a/01 ü.mp4"
  private static let index: IndexID = "629d807aa9e2a3a33a92c00b"

  /// One item's way through the service, request by request, beside a clock that a test turns.
  private struct Way {
    let server: SimulatorServer
    let simulated: ManualSimulatorClock
    let service: AssetsService
    let clock: ManualClock
    let records: Records
    let start: Timestamp

    /// Both clocks go on.
    func pass(_ seconds: Int) {
      simulated.advance(by: .seconds(seconds))
      clock.advance(by: .seconds(seconds))
    }

    func send(_ step: ChunkStep, asset: String? = nil) async -> SubmissionResult {
      await service.send(
        SendUnit(
          chunk: ChunkNumber(3), firstItem: 3, itemCount: 1,
          content: Array(#"[{"index_id":"\#(index)","language":"en","object":"\#(object)"}]"#.utf8),
          timeout: .seconds(60), mayBeDivided: false, externalIDs: asset.map { [.upload: $0] } ?? [:]),
        step: step)
    }

    func poll(_ asset: String?, refusal: SubmissionResult? = nil) async -> PollResult.Reading? {
      let chunk = ProcessingChunk(
        number: ChunkNumber(3), attempt: 1, step: .upload, externalID: asset, index: index, items: 3..<4,
        acceptedAt: clock.now(),
        refusal: refusal.map {
          ProcessingChunk.Refusal(status: $0.status, code: $0.code, message: $0.message)
        })
      return await service.poll([chunk], gate: CountingGate()).readings[chunk.number]
    }

    /// Looks until something is concluded, at most ten times.
    func settle(
      _ step: ChunkStep, _ result: SubmissionResult, asset: String? = nil
    ) async throws -> SettlingReading? {
      let chunk = UnknownChunk(
        number: ChunkNumber(3), firstItem: 3,
        items: [UnknownChunk.Item(index: index, object: object, name: object.fileName)], attempt: 1,
        step: step, externalIDs: asset.map { [.upload: $0] } ?? [:], startedAt: clock.now(),
        endedAt: clock.now(), intent: 1, endedAfter: 1, loss: result.outcome == .content ? .refused : .broken,
        status: result.status, code: result.code)
      var strategy = service.settling(
        SettlingContext(
          evidence: records, gate: CountingGate(), clock: clock, delay: .seconds(30), grace: .seconds(60)))
      for _ in 1...10 {
        let readings = try await strategy.look(at: [chunk], canSendMore: false)
        let reading = readings?[chunk.number]
        switch reading?.finding {
        case .received, .notReceived, .undecidable: return reading
        default: pass(30)
        }
      }
      return nil
    }

    /// Uploads, and waits until the asset is ready.
    func ready() async throws -> String {
      let asset = try #require(await send(.upload).externalID)
      pass(5)
      guard case .done = await poll(asset) else {
        Issue.record("the asset is not ready")
        return asset
      }
      return asset
    }
  }

  /// A store that knows of nothing else.
  private struct Records: SettlingRecords {
    func witnesses(
      index: IndexID, intents: Range<Int>, begunAfter moment: Timestamp?, newestFirst: Bool, limit: Int
    ) async throws -> [Witness] { [] }
    func sends(of names: [IndexID: Set<FileName>], since moment: Timestamp) async throws -> [NamedSend] { [] }
    func listingLag(of index: IndexID) async throws -> ListingLag? { nil }
    func remember(_ lag: ListingLag, of index: IndexID) async throws {}
    func intents() async throws -> Int { 1 }
    func acceptance(of step: ChunkStep, after intents: Int) async throws -> StepAcceptance? { nil }
    func recorded(among ids: Set<String>) async throws -> RecordedIDs { RecordedIDs() }
  }

  /// Runs a body against a service with these faults.
  private func withService(
    _ faults: String..., configure: (inout SimulatorConfiguration) -> Void = { _ in },
    _ body: (Way) async throws -> Void
  ) async throws {
    let clock = ManualClock()
    let simulated = ManualSimulatorClock(now: clock.now().milliseconds)
    var configuration = SimulatorConfiguration()
    configuration.servesTransfers = false
    configuration.assets = AssetsConfiguration()
    configuration.apiKey = testKey
    configuration.clock = simulated
    configuration.taskStep = .seconds(1)
    configuration.faults = try faults.map { try FaultRule(text: $0) }
    configure(&configuration)
    let server = try await SimulatorServer.start(configuration)
    do {
      try await withAssets(server.address) { api in
        let service = AssetsService(
          api, urls: FixedURLs(), run: try #require(RunID(rawValue: sampleRun)),
          urlLifetime: .seconds(3_600), clock: clock, destination: server.address)
        try await body(
          Way(
            server: server, simulated: simulated, service: service, clock: clock, records: Records(),
            start: clock.now()))
      }
    } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }

  @Test func `an item goes through both steps`() async throws {
    try await withService { way in
      #expect(await way.service.probe() == .ready)
      let made = await way.send(.upload)
      #expect(made.outcome == .accepted)
      #expect(!made.isDone)
      guard case .working = await way.poll(made.externalID) else {
        Issue.record("it is not worked on")
        return
      }
      way.pass(5)
      guard case .done(let length?) = await way.poll(made.externalID) else {
        Issue.record("it is not done, or its length is not known")
        return
      }
      #expect(length > .zero)
      let indexed = await way.send(.index, asset: made.externalID)
      #expect(indexed.outcome == .accepted)
      #expect(indexed.isDone)
      let tally = way.server.assets.tally(at: way.server.now)
      #expect(tally.assets.values.sorted() == [1])
    }
  }

  @Test(arguments: [
    "reset-after", "truncated", "without-id", "error-accepted", "garbage", "empty", "close-after",
  ])
  func `work whose answer is lost is found`(fault: String) async throws {
    try await withService("upload/\(fault)@1", "index/\(fault)@1") { way in
      let lost = await way.send(.upload)
      #expect(lost.outcome == .unknown)
      let upload = try await way.settle(.upload, lost)
      #expect(upload?.finding == .received)
      let asset = try #require(upload?.externalID)
      way.pass(5)
      guard case .done = await way.poll(asset) else {
        Issue.record("the id is not the asset's")
        return
      }
      let again = await way.send(.index, asset: asset)
      #expect(again.outcome == .unknown)
      let index = try await way.settle(.index, again, asset: asset)
      #expect(index?.finding == .received)
      #expect(index?.externalID != nil)
    }
  }

  @Test(arguments: ["reset-before", "error", "bad-gateway"])
  func `work that was not done is not found`(fault: String) async throws {
    try await withService("upload/\(fault)@1", "index/\(fault)@1") { way in
      let lost = await way.send(.upload)
      #expect(lost.outcome == .unknown || lost.outcome == .notProcessed)
      #expect(try await way.settle(.upload, lost)?.finding == .notReceived)
      let asset = try await way.ready()
      let again = await way.send(.index, asset: asset)
      #expect(try await way.settle(.index, again, asset: asset)?.finding == .notReceived)
    }
  }

  @Test func `a service without the list of an asset is settled by the list of the index`() async throws {
    try await withService("index/reset-after@1", configure: { $0.assets?.listsByAsset = false }) { way in
      let asset = try await way.ready()
      let lost = await way.send(.index, asset: asset)
      #expect(try await way.settle(.index, lost, asset: asset)?.finding == .received)
    }
  }

  @Test func `where metadata is not kept, a lost upload is left to a person`() async throws {
    try await withService("upload/reset-after@1", configure: { $0.assets?.returnsMetadata = false }) { way in
      let lost = await way.send(.upload)
      let reading = try await way.settle(.upload, lost)
      #expect(reading?.finding == .undecidable)
    }
  }

  @Test func `a conflict is settled as received`() async throws {
    try await withService(configure: { $0.assets?.repeats = .conflict }) { way in
      let asset = try await way.ready()
      let first = await way.send(.index, asset: asset)
      let second = await way.send(.index, asset: asset)
      #expect(second.status == 409)
      #expect(
        way.service.step(
          after: Refusal(
            items: 3..<4, step: .index, status: second.status, code: second.code,
            history: RefusalHistory(semantics: .unproven, family: ChunkFamily()), isBisecting: true,
            mayAsk: true))
          == .lookUp)
      #expect(try await way.settle(.index, second, asset: asset)?.externalID == first.externalID)
    }
  }

  @Test(arguments: [false, true])
  func `a refusal of the index step is told apart by what is there`(with400: Bool) async throws {
    try await withService(configure: { $0.assets?.answersUnknownWith400 = with400 }) { way in
      let early = try #require(await way.send(.upload).externalID)
      let refused = await way.send(.index, asset: early)
      #expect(refused.outcome == .content)
      #expect(!refused.isAboutItem)
      guard case .working = await way.poll(early, refusal: refused) else {
        Issue.record("an asset that is not ready is not waited for")
        return
      }
      let gone = await way.send(.index, asset: "629d807aa9e2a3a33a92ffff")
      #expect(await way.poll("629d807aa9e2a3a33a92ffff", refusal: gone) == .gone)
    }
    try await withService("index/index-gone@1", configure: { $0.assets?.answersUnknownWith400 = with400 }) {
      way in
      let asset = try await way.ready()
      let refused = await way.send(.index, asset: asset)
      #expect(refused.outcome == .content)
      guard case .ended(.index, _, _) = await way.poll(asset, refusal: refused) else {
        Issue.record("the missing index is not named")
        return
      }
      #expect(await way.service.preflight([Self.index: 1]).obstacle?.reason == .index)
    }
  }

  @Test func `an asset that fails tells why, one that vanishes is gone`() async throws {
    try await withService("upload/fails@1", "upload/vanishes@2") { way in
      let failed = await way.send(.upload).externalID
      let vanished = await way.send(.upload).externalID
      way.pass(5)
      guard case .ended(.content, "asset_failed", let message?) = await way.poll(failed) else {
        Issue.record("it did not fail, or gives no reason")
        return
      }
      #expect(!message.isEmpty)
      #expect(await way.poll(vanished) == .gone)
    }
  }

  @Test func `waits of each budget come with its answers`() async throws {
    try await withService(configure: {
      $0.assets?.uploadBudgets = [RequestBudget(limit: 2, window: .seconds(60))]
    }) { way in
      let first = await way.send(.upload)
      #expect(first.outcome == .accepted)
      #expect(first.wait == nil)
      let second = await way.send(.upload)
      #expect(second.outcome == .accepted)
      // The answer says itself that the limit is used up.
      let wait = try #require(second.wait)
      #expect(wait > .zero)
      let third = await way.send(.upload)
      #expect(third.outcome == .throttled)
      let rest = try #require(third.wait)
      #expect(rest <= .seconds(60))
    }
  }
}
