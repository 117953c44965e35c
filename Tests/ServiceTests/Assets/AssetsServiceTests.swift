import AssetsService
import BatchDomain
import ServiceHTTP
import TestSupport
import Testing

/// What the module makes of a chunk, of what it polls, and of refusals.
@Suite struct AssetsServiceTests {
  private let clock = ManualClock()
  private let object: ObjectName = "s3://media-west/a/01.mp4"

  private func service(_ model: ModelAssets, urls: FixedURLs = FixedURLs()) throws -> AssetsService {
    AssetsService(
      model, urls: urls, run: try #require(RunID(rawValue: sampleRun)), urlLifetime: .seconds(3_600),
      clock: clock, destination: "https://api.test/v1.3/assets")
  }

  private func unit(
    items: Int = 1, externalIDs: [ChunkStep: String] = [:], chunk: Int = 17
  ) -> SendUnit {
    SendUnit(
      chunk: ChunkNumber(chunk), firstItem: 7, itemCount: items,
      content: Array(#"[{"index_id":"i1","language":"en","object":"\#(object)"}]"#.utf8),
      timeout: .seconds(60), mayBeDivided: false, externalIDs: externalIDs)
  }

  private func processing(
    _ asset: String? = "a1", refusal: ProcessingChunk.Refusal? = nil, acceptedAgo: Duration = .zero,
    urlEndsAt: Timestamp? = nil
  ) -> ProcessingChunk {
    ProcessingChunk(
      number: ChunkNumber(17), attempt: 1, step: .upload, externalID: asset, index: "i1", items: 7..<8,
      acceptedAt: clock.now() - acceptedAgo, urlEndsAt: urlEndsAt, refusal: refusal)
  }

  private static let made = Result<CreationAnswer, TransportFailure>.success(
    CreationAnswer(Answer(status: 201, body: .json), id: "a1", status: "processing"))

  // MARK: Sending

  @Test func `the steps are upload and index, each with a budget of its own, and the first item goes alone`()
    throws
  {
    let service = try service(ModelAssets())
    #expect(service.steps == [.upload, .index])
    #expect(
      service.budgets == Budgets(sending: [Budget(.index), Budget(.upload)], reading: Budget("reading")))
    // Waits are kept by these names.
    #expect(Set(service.budgets.sending + [service.budgets.reading]) == Set(ServiceProfile.v1_3.budgets))
    #expect(service.firstGoesAlone)
    #expect(service.pollLimit == 50)
    #expect(service.division(of: 0..<4, because: .refused) == nil)
  }

  @Test func `an item is uploaded with its address, its file name and its tag`() async throws {
    let model = ModelAssets(.init(creations: [Self.made]))
    let result = try await service(model).send(unit(), step: .upload)
    #expect(result.outcome == .accepted)
    #expect(result.externalID == "a1")
    let new = try #require(model.created.entries.first)
    #expect(new.url == sampleURL)
    #expect(new.fileName == "01.mp4")
    #expect(new.tag == sampleTag(number: 7, index: "i1", object: object))
  }

  @Test func `what its address takes is part of an upload's time limit`() async throws {
    let model = ModelAssets(.init(creations: [Self.made]))
    let late = try await service(model, urls: FixedURLs(taking: (.seconds(20), clock))).send(
      unit(), step: .upload)
    #expect(late.outcome == .accepted)
    #expect(model.timeouts.entries == [.seconds(40)])
    let none = try await service(model, urls: FixedURLs(taking: (.seconds(60), clock))).send(
      unit(), step: .upload)
    #expect(none.outcome == .notProcessed && none.code == "too_late" && none.obstacle == .objectStore)
    #expect(model.created.entries.count == 1)
  }

  @Test func `an asset is added to its item's index`() async throws {
    let model = ModelAssets(
      .init(creations: [.success(CreationAnswer(Answer(status: 202, body: .json), id: "x1"))]))
    let result = try await service(model).send(unit(externalIDs: [.upload: "a1"]), step: .index)
    #expect(result.externalID == "x1")
    #expect(result.isDone)
    #expect(
      model.added.entries == [
        NewIndexedAsset(asset: "a1", index: "i1", tag: sampleTag(number: 7, index: "i1", object: object))
      ])
  }

  @Test func `an id that the service gave for another chunk is believed for neither step`() async throws {
    let indexed = Result<CreationAnswer, TransportFailure>.success(
      CreationAnswer(Answer(status: 202, body: .json), id: "x1"))
    let model = ModelAssets(
      .init(creations: [Self.made, Self.made, Self.made, indexed, indexed]))
    let service = try service(model)
    #expect(await service.send(unit(), step: .upload).outcome == .accepted)
    // The same chunk may be told the same again.
    #expect(await service.send(unit(), step: .upload).outcome == .accepted)
    let other = await service.send(unit(chunk: 18), step: .upload)
    #expect(other.outcome == .unknown && other.code == "id_taken" && other.status == 201)
    #expect(other.externalID == nil && !other.isDone)
    #expect(other.message?.contains("a1") == true && other.message?.contains("chunk 17") == true)
    #expect(
      await service.send(unit(externalIDs: [.upload: "a1"]), step: .index).outcome == .accepted)
    let second = await service.send(unit(externalIDs: [.upload: "a2"], chunk: 18), step: .index)
    #expect(second.outcome == .unknown && second.code == "id_taken")
  }

  @Test func `an id that an earlier process was given counts once its asset is polled`() async throws {
    let model = ModelAssets(
      .init(assets: [AssetRow(id: "a1", status: "processing")], creations: [Self.made]))
    let service = try service(model)
    _ = await service.poll([processing()], gate: CountingGate())
    #expect(await service.send(unit(chunk: 18), step: .upload).code == "id_taken")
  }

  @Test func `an answer about another asset is not believed`() async throws {
    let model = ModelAssets(
      .init(
        creations: ["a77", "a1"].map { (asset: String) in
          .success(CreationAnswer(Answer(status: 202, body: .json), id: "x-" + asset, asset: asset))
        }))
    let service = try service(model)
    let result = await service.send(unit(externalIDs: [.upload: "a1"]), step: .index)
    #expect(result.outcome == .unknown && result.code == "other_asset" && result.externalID == nil)
    #expect(await service.send(unit(externalIDs: [.upload: "a1"]), step: .index).outcome == .accepted)
  }

  @Test func `without an address nothing is sent`() async throws {
    let cases: [(ObjectURLError, Outcome, PauseReason?, SubmissionResult.Obstacle?)] = [
      (.paused(.credentials, detail: "d"), .notProcessed, .credentials, nil),
      (.paused(.source, detail: "d"), .notProcessed, .source, nil),
      (.refused(code: "not_s3", message: "m"), .content, nil, .notSent),
      (.unavailable(code: "s3_unreachable", message: "m"), .notProcessed, nil, .objectStore),
    ]
    for (error, outcome, pause, obstacle) in cases {
      let model = ModelAssets()
      let result = try await service(model, urls: FixedURLs(error: error)).send(unit(), step: .upload)
      #expect(result.outcome == outcome)
      #expect(result.pause == pause)
      #expect(result.isAboutItem)
      #expect(result.obstacle == obstacle)
      #expect(model.calls.entries.isEmpty)
    }
  }

  @Test func `what profile v1.3 cannot send is refused, not guessed`() async throws {
    let model = ModelAssets()
    for (unit, step) in [(unit(items: 2), .upload), (unit(), .index)] as [(SendUnit, ChunkStep)] {
      let result = try await service(model).send(unit, step: step)
      #expect(result.outcome == .content && result.obstacle == .notSent)
    }
    #expect(model.calls.entries.isEmpty)
  }

  // MARK: Polling

  private func poll(
    _ model: ModelAssets, _ chunks: [ProcessingChunk], gate: CountingGate = CountingGate()
  ) async throws -> PollResult {
    try await service(model).poll(chunks, gate: gate)
  }

  private func reading(
    _ row: AssetRow?, refusal: ProcessingChunk.Refusal? = nil, indexes: [IndexID: IndexDescription] = [:],
    acceptedAgo: Duration = .zero, urlEndsAt: Timestamp? = nil
  ) async throws -> PollResult.Reading? {
    let model = ModelAssets(.init(assets: [row].compactMap(\.self), indexes: indexes))
    let chunk = processing(refusal: refusal, acceptedAgo: acceptedAgo, urlEndsAt: urlEndsAt)
    return try await poll(model, [chunk]).readings[chunk.number]
  }

  @Test func `an asset says how far it is`() async throws {
    #expect(
      try await reading(AssetRow(id: "a1", status: "processing")) == .working(status: "processing"))
    #expect(
      try await reading(AssetRow(id: "a1", status: "dreaming"))
        == .working(status: "dreaming", isKnown: false))
    #expect(try await reading(AssetRow(id: "a1", status: nil)) == .working(status: "processing"))
    #expect(
      try await reading(AssetRow(id: "a1", status: "ready", duration: .seconds(61)))
        == .done(mediaLength: .seconds(61)))
    #expect(
      try await reading(AssetRow(id: "a1", status: "failed", message: "no video"))
        == .ended(.content, code: "asset_failed", message: "no video"))
    #expect(
      try await reading(AssetRow(id: "a1", status: "failed"))
        == .ended(.content, code: "asset_failed", message: "the service gave no reason"))
    #expect(try await reading(nil) == .gone)
  }

  @Test func `one request asks about all chunks, through the gate`() async throws {
    let model = ModelAssets(
      .init(assets: [AssetRow(id: "a1", status: "ready"), AssetRow(id: "a2", status: "processing")]))
    var second = processing("a2")
    second.number = ChunkNumber(18)
    let gate = CountingGate()
    let result = try await poll(model, [processing(), second], gate: gate)
    #expect(result.readings.count == 2)
    #expect(gate.entered == 1)
    #expect(model.calls.entries == [.byIDs])
  }

  @Test func `an asset that the list does not show yet is not gone`() async throws {
    let model = ModelAssets(.init(unlisted: [AssetRow(id: "a1", status: "ready")]))
    let result = try await poll(model, [processing()])
    #expect(result.readings[ChunkNumber(17)] == .done(mediaLength: nil))
    #expect(model.calls.entries == [.byIDs, .byID])
    // What cannot be looked up is not gone either.
    model.change { $0.failures[.byID] = .throttled }
    let unread = try await poll(model, [processing()])
    #expect(unread.readings.isEmpty)
    #expect(unread.failure != nil)
  }

  @Test func `a failed asset whose address had ended is sent again`() async throws {
    let failed = AssetRow(id: "a1", status: "failed", message: "no access")
    // What an earlier process sent, without a record of when its address ends: that lived as long as the setting says.
    #expect(
      try await reading(failed, acceptedAgo: .seconds(3_599))
        == .ended(.content, code: "asset_failed", message: "no access"))
    #expect(
      try await reading(failed, acceptedAgo: .seconds(3_600))
        == .ended(.notProcessed, code: "asset_failed", message: "no access"))
    // What this process sent: it knows better.
    let model = ModelAssets(.init(assets: [failed], creations: [Self.made]))
    let service = try service(model, urls: FixedURLs(expiresAt: clock.now() + .seconds(60)))
    _ = await service.send(unit(), step: .upload)
    clock.advance(by: .seconds(60))
    let result = await service.poll([processing()], gate: CountingGate())
    #expect(
      result.readings[ChunkNumber(17)] == .ended(.notProcessed, code: "asset_failed", message: "no access"))
  }

  @Test func `a failed asset of an earlier process is judged by the recorded end of its address`()
    async throws
  {
    let failed = AssetRow(id: "a1", status: "failed", message: "no access")
    // Credentials may end before the setting says, and a shorter setting may hold by now.
    #expect(
      try await reading(failed, acceptedAgo: .seconds(60), urlEndsAt: clock.now())
        == .ended(.notProcessed, code: "asset_failed", message: "no access"))
    #expect(
      try await reading(
        failed, acceptedAgo: .seconds(3_600), urlEndsAt: clock.now() + .milliseconds(1))
        == .ended(.content, code: "asset_failed", message: "no access"))
    // One that was ready once was fetched while its address worked.
    #expect(
      try await reading(
        failed, refusal: ProcessingChunk.Refusal(status: 400, code: "m", message: nil),
        acceptedAgo: .seconds(60), urlEndsAt: clock.now())
        == .ended(.content, code: "asset_failed", message: "no access"))
  }

  @Test func `the end of an address is recorded where its asset may still have to be fetched`() async throws {
    let end = clock.now() + .seconds(60)
    let answers: [(Result<CreationAnswer, TransportFailure>, Outcome, Timestamp?)] = [
      (Self.made, .accepted, end),
      (.success(CreationAnswer(Answer(status: 201, body: .json), id: "a2", status: "ready")), .accepted, nil),
      (.failure(TransportFailure(progress: .maybeWritten, code: "reset", message: "m")), .unknown, end),
      (.failure(TransportFailure(progress: .notWritten, code: "refused", message: "m")), .notProcessed, nil),
      // An id of another chunk: what became of the request is looked up.
      (Self.made, .unknown, end),
    ]
    let service = try service(
      ModelAssets(.init(creations: answers.map(\.0))), urls: FixedURLs(expiresAt: end))
    for (chunk, (_, outcome, recorded)) in answers.enumerated() {
      let result = await service.send(unit(chunk: chunk), step: .upload)
      #expect(result.outcome == outcome && result.urlEndsAt == recorded, "\(chunk)")
    }
    // One that does not end has no such moment.
    let lasting = try self.service(ModelAssets(.init(creations: [Self.made])))
    #expect(await lasting.send(unit(), step: .upload).urlEndsAt == nil)
  }

  @Test(arguments: [true, false])
  func `a failed asset whose address ended with an unknown session is sent again, any other rejected`(
    isOver: Bool
  ) async throws {
    let asked = Journal<Duration>()
    let model = ModelAssets(
      .init(assets: [AssetRow(id: "a1", status: "processing")], creations: [Self.made]))
    let service = try service(model, urls: FixedURLs(endedEarly: (isOver, asked)))
    _ = await service.send(unit(), step: .upload)
    clock.advance(by: .seconds(9))
    _ = await service.poll([processing()], gate: CountingGate())
    #expect(asked.entries.isEmpty, "only a failure is a reason to ask")
    model.change { $0.assets = [AssetRow(id: "a1", status: "failed", message: "no access")] }
    let result = await service.poll([processing()], gate: CountingGate())
    #expect(
      result.readings[ChunkNumber(17)]
        == .ended(isOver ? .notProcessed : .content, code: "asset_failed", message: "no access"))
    #expect(asked.entries == [clock.elapsed()])
  }

  @Test func `a refused chunk waits while its asset is not ready`() async throws {
    let refusal = ProcessingChunk.Refusal(status: 400, code: "asset_not_ready", message: "m")
    #expect(
      try await reading(AssetRow(id: "a1", status: "processing"), refusal: refusal)
        == .working(status: "processing"))
    #expect(
      try await reading(AssetRow(id: "a1", status: "ready"), refusal: refusal) == .done(mediaLength: nil))
    #expect(try await reading(nil, refusal: refusal) == .gone)
  }

  @Test(arguments: [
    ProcessingChunk.Refusal(status: 404, code: nil, message: nil),
    ProcessingChunk.Refusal(status: 404, code: "not_found", message: nil),
    ProcessingChunk.Refusal(status: 400, code: "resource_not_exist", message: nil),
  ])
  func `whether the index or the endpoint is missing is looked up`(refusal: ProcessingChunk.Refusal)
    async throws
  {
    let ready = AssetRow(id: "a1", status: "ready")
    #expect(
      try await reading(ready, refusal: refusal)
        == .ended(.index, code: refusal.code, message: "the index i1 does not exist"))
    guard
      case .ended(.endpoint, _, _) = try await reading(
        ready, refusal: refusal, indexes: ["i1": IndexDescription(models: [])])
    else {
      Issue.record("no fault of the endpoint")
      return
    }
    #expect(try await reading(nil, refusal: refusal) == .gone)
  }

  @Test func `a service that ignores ids does not make assets disappear`() async throws {
    let model = ModelAssets(
      .init(
        assets: [AssetRow(id: "somebody's", status: "ready")], ignoresIDs: true,
        unlisted: [AssetRow(id: "a1", status: "ready")]))
    let result = try await poll(model, [processing()])
    #expect(result.readings == [ChunkNumber(17): .done(mediaLength: nil)])
    #expect(result.failure == nil)
    #expect(model.calls.entries == [.byIDs, .byID])
  }

  @Test func `where ids are ignored, a few assets are asked for by themselves at a look, each in its turn`()
    async throws
  {
    let model = ModelAssets(
      .init(
        assets: [AssetRow(id: "somebody's", status: "ready")], ignoresIDs: true,
        unlisted: (0..<25).map { AssetRow(id: "a\($0)", status: "processing") }))
    let service = try service(model)
    let chunks = (0..<25).map { number in
      var chunk = processing("a\(number)")
      chunk.number = ChunkNumber(number)
      return chunk
    }
    var looks: [Set<Int>] = []
    for _ in 0..<3 {
      let result = await service.poll(chunks, gate: CountingGate())
      looks.append(Set(result.readings.keys.map(\.rawValue)))
    }
    #expect(looks == [Set(0..<10), Set(10..<20), Set(Array(20..<25) + Array(0..<5))])
  }

  @Test func `a poll that fails says nothing of any chunk`() async throws {
    let cases: [(ListingFailure, PauseReason?)] = [
      (.broken, nil), (.keyRefused, .account), (.missing, .endpoint),
    ]
    for (failure, pause) in cases {
      let model = ModelAssets(.init(failures: [.byIDs: failure]))
      let result = try await poll(model, [processing()])
      #expect(result.readings.isEmpty)
      #expect(result.failure != nil)
      #expect(result.pause?.reason == pause)
    }
    let gate = CountingGate()
    let throttled = ModelAssets(.init(failures: [.byIDs: .throttled]))
    #expect(try await poll(throttled, [processing()], gate: gate).pause == nil)
    #expect(gate.throttled == [.seconds(9)])
  }

  @Test func `nothing is asked once the run stops`() async throws {
    let gate = CountingGate()
    gate.stop(after: 0)
    let model = ModelAssets()
    let result = try await poll(model, [processing()], gate: gate)
    #expect(result.readings.isEmpty)
    #expect(model.calls.entries.isEmpty)
  }

  // MARK: Refusals

  @Test func `a refusal of the index step is looked into unless it is about the video`() throws {
    let cases: [(step: ChunkStep, status: Int, code: String?, mayAsk: Bool, expected: RefusalStep)] = [
      (.index, 409, nil, true, .lookUp), (.index, 409, nil, false, .reject(withRest: false)),
      (.index, 400, "parameter_invalid", true, .pollAgain), (.index, 404, "not_found", true, .pollAgain),
      (.index, 400, "video_file_broken", true, .reject(withRest: false)),
      (.index, 400, "unsupported_file_type", true, .reject(withRest: false)),
      (.upload, 409, nil, true, .reject(withRest: false)),
      (.upload, 400, "parameter_invalid", true, .reject(withRest: false)),
    ]
    for known in cases {
      let refusal = Refusal(
        items: 7..<8, step: known.step, status: known.status, code: known.code,
        history: RefusalHistory(semantics: .unproven, family: ChunkFamily()), isBisecting: true,
        mayAsk: known.mayAsk)
      #expect(try service(ModelAssets()).step(after: refusal) == known.expected, "\(known)")
    }
  }

  // MARK: Probe and preflight

  @Test func `the probe asks for one asset`() async throws {
    let model = ModelAssets()
    #expect(try await service(model).probe() == .ready)
    #expect(model.calls.entries == [.list])
    guard
      case .refused(let result, isForeign: false) = try await service(
        ModelAssets(.init(failures: [.list: .keyRefused]))
      ).probe()
    else {
      Issue.record("not refused")
      return
    }
    #expect(result.outcome == .account)
  }

  private func preflight(
    _ indexes: [IndexID: IndexDescription], failure: ListingFailure? = nil, items: [IndexID: Int] = ["i1": 3]
  ) async throws -> AssetsPreflight {
    let failures = failure.map { [ModelAssets.Call.index: $0] } ?? [:]
    return try await service(ModelAssets(.init(indexes: indexes, failures: failures))).preflight(items)
  }

  @Test func `an index that is there and takes videos is not worth a word`() async throws {
    let result = try await preflight(["i1": IndexDescription(models: ["marengo3.0", "pegasus1.2"])])
    #expect(result == AssetsPreflight())
  }

  @Test func `what an index says of itself is said before anything is sent`() async throws {
    let now = clock.now()
    let result = try await preflight(["i1": IndexDescription(models: ["pegasus1.2"], expiresAt: now)])
    #expect(result.notes.count == 2)
    #expect(result.obstacle == nil)
    let full = try await preflight([
      "i1": IndexDescription(models: ["marengo3.0"], videoCount: 98, totalDuration: .seconds(36_000))
    ])
    #expect(full.notes.map(\.text).first?.contains("98 videos of 600 minutes") == true)
  }

  @Test func `a missing index stops a run only when every index is missing`() async throws {
    let one = try await preflight(["i2": IndexDescription(models: [])], items: ["i1": 1, "i2": 1])
    #expect(one.missing == ["i1"])
    #expect(one.obstacle == nil)
    let all = try await preflight([:], items: ["i1": 1, "i2": 1])
    #expect(all.missing == ["i1", "i2"])
    #expect(all.obstacle?.reason == .index)
  }

  @Test func `an address that has nothing of the service is no missing index`() async throws {
    let nowhere = ListingFailure.refused(Answer(status: 404, code: "endpoint_not_found", body: .json))
    let nothing = ListingFailure.refused(Answer(status: 404, body: .other))
    for (index, list) in [(nowhere, nowhere), (nothing, nothing), (nowhere, .missing)] {
      let model = ModelAssets(.init(failures: [.index: index, .list: list]))
      let result = try await service(model).preflight(["i1": 1, "i2": 1])
      #expect(result.obstacle?.reason == .endpoint)
      #expect(result.obstacle?.detail.contains("as the assets endpoint of profile v1.3") == true)
      #expect(model.calls.entries == [.index, .index, .list])
    }
    let refused = ModelAssets(.init(failures: [.index: nowhere, .list: .keyRefused]))
    #expect(try await service(refused).preflight(["i1": 1]).obstacle?.reason == .account)
    // A list that answers, or that may answer later, says nothing against the service.
    for list in [nil, ListingFailure.broken, .throttled] {
      let failures = [ModelAssets.Call.index: nowhere, .list: list].compactMapValues(\.self)
      let model = ModelAssets(.init(failures: failures))
      #expect(try await service(model).preflight(["i1": 1]).obstacle?.reason == .index)
    }
    // One index that is there shows that the service is.
    let other = ModelAssets(.init(indexes: ["i2": IndexDescription(models: [])], failures: [.list: nowhere]))
    #expect(try await service(other).preflight(["i1": 1, "i2": 1]).obstacle == nil)
    #expect(other.calls.entries == [.index, .index])
  }

  @Test func `a service that does not answer is asked about one index, not about each`() async throws {
    for code in ["timeout", "connect_timeout"] {
      let silent = ListingFailure.transport(
        TransportFailure(progress: .maybeWritten, code: code, message: "no answer"))
      let model = ModelAssets(.init(failures: [.index: silent]))
      let result = try await service(model).preflight(["i1": 1, "i2": 1, "i3": 1])
      #expect(result == AssetsPreflight())
      #expect(model.calls.entries == [.index])
    }
    let broken = ListingFailure.transport(
      TransportFailure(progress: .maybeWritten, code: "reset", message: "m"))
    let model = ModelAssets(.init(failures: [.index: broken]))
    _ = try await service(model).preflight(["i1": 1, "i2": 1, "i3": 1])
    #expect(model.calls.entries == [.index, .index, .index])
  }

  @Test func `an asset of an item that was never sent as far as the store knows is found by its tag`()
    async throws
  {
    let item = NeverSentItem(sequence: 7, index: "i1", object: object, knownUntil: clock.now())
    func row(_ id: String, _ tag: ItemTag, ago: Duration = .zero) -> AssetRow {
      AssetRow(
        id: id, status: "ready", fileName: "01.mp4", createdAt: clock.now() - ago, hasMetadata: true,
        item: tag.item, run: tag.run)
    }
    let others = [
      row("a1", sampleTag(number: 8)), row("a2", sampleTag(run: "20261126-220000-000-abce")),
      row("a3", sampleTag(index: "i2")),
    ]
    let without = ModelAssets(.init(assets: others), pageLimit: 2)
    #expect(try await service(without).asset(of: item) == nil)
    #expect(without.calls.entries == [.named, .named, .named])
    let with = ModelAssets(.init(assets: others + [row("a4", sampleTag())]), pageLimit: 2)
    #expect(try await service(with).asset(of: item) == "a4")
    // One request where everything of that name is older than what the store knows.
    let older = ModelAssets(
      .init(assets: [row("a1", sampleTag(number: 8), ago: .seconds(121))]), pageLimit: 2)
    #expect(try await service(older).asset(of: item) == nil)
    #expect(older.calls.entries == [.named])
    let failing = ModelAssets(.init(assets: [row("a4", sampleTag())], failures: [.named: .broken]))
    #expect(try await service(failing).asset(of: item) == nil)
  }

  @Test func `a key that is refused stops a run, trouble that may pass does not`() async throws {
    #expect(try await preflight([:], failure: .keyRefused).obstacle?.reason == .account)
    for failure in [ListingFailure.broken, .throttled] {
      #expect(try await preflight([:], failure: failure) == AssetsPreflight())
    }
  }
}
