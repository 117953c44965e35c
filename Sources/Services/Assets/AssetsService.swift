package import BatchDomain
internal import NIOConcurrencyHelpers
internal import ServiceHTTP

/// The service of profile v1.3: a chunk is one item and needs two requests. The service fetches the video from a URL and
/// makes an asset of it, which is polled until it is ready; then the asset is added to an index. Each answer has an id, and
/// a lost one is settled by the item's tag or by the asset.
package final class AssetsService: ServiceModule {
  let api: any AssetsAPI
  let urls: any ObjectURLSource
  let run: RunID
  let clock: any BatchClock
  let wrongEndpoint: String
  private let urlLifetime: Duration
  /// When the URL that an asset was made of stops working, by chunk: as long as its asset is not ready.
  private let urlEnds = NIOLockedValueBox<[ChunkNumber: URLEnd]>([:])
  private let given = NIOLockedValueBox(GivenIDs())
  /// The last chunk whose asset was asked for by itself because the list ignores ids.
  private let lastAlone = NIOLockedValueBox(-1)
  /// Assets that are asked for by themselves at a look, where the list ignores the ids that it is asked about.
  private static let aloneLimit = 10

  /// The service behind some requests.
  ///
  /// - Parameters:
  ///   - urls: where the addresses of objects come from.
  ///   - run: the run that is sent: a part of every tag.
  ///   - urlLifetime: how long such an address works; for assets of which it is not recorded when theirs ends.
  ///   - destination: the address that assets are made under, for messages.
  package init(
    _ api: any AssetsAPI, urls: any ObjectURLSource, run: RunID, urlLifetime: Duration,
    clock: any BatchClock, destination: String
  ) {
    self.api = api
    self.urls = urls
    self.run = run
    self.clock = clock
    self.urlLifetime = urlLifetime
    wrongEndpoint =
      "\(destination) does not answer as the assets endpoint of profile v1.3 (\(ServiceProfile.v1_3.otherAccounts))"
  }

  package var steps: [ChunkStep] { [.upload, .index] }

  /// Requests that only read are in no budget that the service names; they are paced by themselves.
  package var readingBudget: Budget { ServiceProfile.v1_3.readingBudget }

  /// The first item proves that the service can fetch our videos.
  package var firstGoesAlone: Bool { true }

  package var pollLimit: Int { api.pageLimit }

  // MARK: Sending

  package func send(_ unit: SendUnit, step: ChunkStep) async -> SubmissionResult {
    // The content of a chunk is an array; its one item stands behind the bracket.
    let item = Item(unit.content.dropFirst())
    let tag = ItemTag(run: run, number: unit.firstItem, index: item.indexID, object: item.object)
    guard unit.itemCount == 1, !item.indexID.isEmpty, !item.object.isEmpty else {
      return Self.unsendable("profile v1.3 sends one item per request, and the chunk has \(unit.itemCount)")
    }
    return step == .index
      ? await index(unit, item, tag: tag) : await upload(unit, item, tag: tag)
  }

  private func upload(_ unit: SendUnit, _ item: Item, tag: ItemTag) async -> SubmissionResult {
    let begun = clock.elapsed()
    let url: ObjectURL
    do throws(ObjectURLError) {
      url = try await urls.url(for: item.object)
    } catch {
      return Self.result(of: error)
    }
    // Credentials may have had to be fetched. A process that takes the run over expects nothing any more once the time limit, counted
    // from the claim, is over.
    let left = unit.timeout - (clock.elapsed() - begun)
    guard left > .zero else {
      return SubmissionResult(
        .notProcessed, code: "too_late",
        message: "making the address of the object took longer than the time limit; nothing was sent",
        obstacle: .objectStore)
    }
    let end = URLEnd(moment: url.expiresAt ?? Self.never, hasComeEarly: url.hasEndedEarly)
    urlEnds.withLockedValue { $0[unit.chunk] = end }
    var result = compared(
      AssetOutcomes.result(
        of: await api.create(
          NewAsset(
            chunk: unit.chunk, url: url.url, fileName: AssetFileName.name(of: item.object), tag: tag),
          timeout: left),
        .upload, wrongEndpoint: wrongEndpoint),
      of: unit.chunk, .upload)
    switch result.outcome {
    case .accepted where !result.isDone, .unknown: result.urlEndsAt = url.expiresAt
    default: forget(unit.chunk)
    }
    return result
  }

  private func index(_ unit: SendUnit, _ item: Item, tag: ItemTag) async -> SubmissionResult {
    guard let asset = unit.externalIDs[.upload] else {
      return Self.unsendable("the id of its asset is not recorded")
    }
    return compared(
      AssetOutcomes.result(
        of: await api.add(
          NewIndexedAsset(asset: asset, index: item.indexID, tag: tag), timeout: unit.timeout),
        .index, asset: asset, wrongEndpoint: wrongEndpoint),
      of: unit.chunk, .index)
  }

  /// A result, unless its id is one that the service gave for another chunk: two items cannot be one thing.
  private func compared(
    _ result: SubmissionResult, of chunk: ChunkNumber, _ step: ChunkStep
  ) -> SubmissionResult {
    guard result.outcome == .accepted, let id = result.externalID,
      let holder = given.withLockedValue({ $0.note(id, of: chunk, at: step) })
    else { return result }
    return .doubted(
      result, code: AssetOutcomes.takenIDCode,
      "the answer has the id \(id), which the service gave for chunk \(holder) of this run: what became of the request is "
        + "looked up")
  }

  /// Why nothing was sent, where there is no address of the object.
  static func result(of error: ObjectURLError) -> SubmissionResult {
    switch error {
    case .paused(let reason, let detail):
      SubmissionResult(
        .notProcessed, code: reason.rawValue, message: detail, pause: reason, text: detail)
    case .refused(let code, let message):
      SubmissionResult(.content, code: code, message: message, isAboutItem: true, obstacle: .notSent)
    case .unavailable(let code, let message):
      SubmissionResult(.notProcessed, code: code, message: message, obstacle: .objectStore)
    }
  }

  private static func unsendable(_ why: String) -> SubmissionResult {
    SubmissionResult(.content, code: "unsendable", message: why, isAboutItem: true, obstacle: .notSent)
  }

  // MARK: URLs

  private static let never = Timestamp(milliseconds: .max / 2)

  /// When a URL stops working, and how to ask whether it did before.
  private struct URLEnd: Sendable {
    let moment: Timestamp
    let hasComeEarly: (@Sendable (_ since: Duration) async -> Bool)?
  }

  /// Whether the URL that an asset was made of has ended.
  ///
  /// - Parameter seenAt: when the service said that the asset failed.
  private func hasEnded(urlOf chunk: ProcessingChunk, seenAt: Duration) async -> Bool {
    let end = urlEnds.withLockedValue { $0[chunk.number] }
    // What an earlier process sent, it may have recorded.
    let moment = end?.moment ?? chunk.urlEndsAt ?? chunk.acceptedAt + urlLifetime
    if clock.now() >= moment { return true }
    return await end?.hasComeEarly?(seenAt) ?? false
  }

  private func forget(_ chunk: ChunkNumber) { urlEnds.withLockedValue { $0[chunk] = nil } }

  // MARK: Polling

  package func poll(_ chunks: [ProcessingChunk], gate: any ReadingGate) async -> PollResult {
    var result = PollResult()
    for chunk in chunks where chunk.externalID == nil {
      result.readings[chunk.number] = .ended(
        .content, code: "asset_unknown", message: "the id of its asset is not recorded")
    }
    let asked = chunks.filter { $0.externalID != nil }
    guard !asked.isEmpty else { return result }
    given.withLockedValue { given in
      // An earlier process may have been given them.
      for chunk in asked { _ = chunk.externalID.map { given.note($0, of: chunk.number, at: .upload) } }
    }
    let reading = GatedReading(gate: gate)
    do throws(GatedReading.Failure) {
      let ids = Set(asked.compactMap(\.externalID)).sorted()
      let rows = try await reading { () throws(ListingFailure) in try await api.assets(ids: ids) }
      let seenAt = clock.elapsed()
      let byID = Dictionary(rows.map { ($0.id, $0) }) { first, _ in first }
      var left: [ProcessingChunk] = []
      for chunk in asked {
        if let row = chunk.externalID.flatMap({ byID[$0] }) {
          result.readings[chunk.number] = try await read(row, of: chunk, seenAt: seenAt, reading)
        } else {
          left.append(chunk)
        }
      }
      // A service that does not keep to the ids lists others, and leaves out some that it has: at each look.
      let isComplete = rows.allSatisfy { ids.contains($0.id) }
      for chunk in isComplete ? left : next(of: left) {
        guard let id = chunk.externalID else { continue }
        result.readings[chunk.number] = try await readAlone(id, of: chunk, reading)
      }
    } catch {
      result.failure = error.reason
      if case .listing(let failure) = error, let reason = failure.pause {
        result.pause = (reason, detail(of: failure, reason))
      }
    }
    return result
  }

  /// The chunks whose turn it is to be asked about by themselves: a few at each look, one after the other.
  private func next(of chunks: [ProcessingChunk]) -> [ProcessingChunk] {
    let sorted = chunks.sorted { $0.number.rawValue < $1.number.rawValue }
    return lastAlone.withLockedValue { last in
      let later = sorted.filter { [last] in $0.number.rawValue > last }
      let turn = Array((later + sorted.prefix(sorted.count - later.count)).prefix(Self.aloneLimit))
      if let number = turn.last?.number.rawValue { last = number }
      return turn
    }
  }

  /// What an asset that the list leaves out says about its chunk: the list may be behind, and what is taken to be gone is
  /// made again.
  private func readAlone(
    _ id: String, of chunk: ProcessingChunk, _ reading: GatedReading
  ) async throws(GatedReading.Failure) -> PollResult.Reading? {
    let row: AssetRow
    do throws(GatedReading.Failure) {
      row = try await reading { () throws(ListingFailure) in try await api.asset(id) }
    } catch {
      guard error.isMissing else { throw error }
      return .gone
    }
    return row.id == id ? try await read(row, of: chunk, seenAt: clock.elapsed(), reading) : nil
  }

  /// What an asset says about its chunk.
  private func read(
    _ row: AssetRow, of chunk: ProcessingChunk, seenAt: Duration, _ reading: GatedReading
  ) async throws(GatedReading.Failure) -> PollResult.Reading? {
    if row.hasFailed {
      // One that was ready before was fetched while its URL worked.
      let ended = chunk.refusal == nil ? await hasEnded(urlOf: chunk, seenAt: seenAt) : false
      forget(chunk.number)
      return .ended(
        ended ? .notProcessed : .content, code: "asset_failed",
        message: row.message ?? "the service gave no reason")
    }
    guard row.isReady else {
      let status = row.status ?? AssetStatus.processing
      return .working(status: status, isKnown: status == AssetStatus.processing)
    }
    forget(chunk.number)
    guard let refusal = chunk.refusal, let index = chunk.index, refusal.isForMissing else {
      return .done(mediaLength: row.duration)
    }
    do throws(GatedReading.Failure) {
      _ = try await reading { () throws(ListingFailure) in try await api.index(index) }
    } catch {
      guard error.isMissing else { throw error }
      return .ended(.index, code: refusal.code, message: "the index \(index) does not exist")
    }
    return .ended(
      .endpoint, code: refusal.code,
      message: "the service has the index and the asset, and answers as if one of them were missing")
  }

  // MARK: What follows

  package func step(after refusal: Refusal) -> RefusalStep {
    guard refusal.step == .index, !AssetOutcomes.isAboutVideo(code: refusal.code) else {
      return .reject(withRest: false)
    }
    // It may mean that the asset is in the index already.
    if refusal.status == 409 { return refusal.mayAsk ? .lookUp : .reject(withRest: false) }
    return .pollAgain
  }

  package func division(of items: Range<Int>, because cause: Division.Cause) -> Division? { nil }

  package func settling(_ context: SettlingContext) -> any SettlingStrategy {
    AssetSettling(api: api, run: run, context: context)
  }

  package func tracking() -> any TrackingStrategy {
    IndexedAssetTracking(api: api, clock: clock, detail: { [self] in detail(of: $0, $1) })
  }

  /// The moment, for what a person is told.
  var now: Timestamp { clock.now() }

  /// An index; no gate is passed, since nothing is sent yet.
  func describe(_ index: IndexID) async throws(ListingFailure) -> IndexDescription {
    try await api.index(index)
  }

  /// Why the run is paused because of an answer to a request that only reads.
  func detail(of failure: ListingFailure, _ reason: PauseReason) -> String {
    guard reason == .endpoint, case .refused(let answer) = failure, !answer.isForeign else {
      return failure.reason
    }
    return "\(wrongEndpoint): \(failure.reason)"
  }

  package func probe() async -> ProbeResult {
    do throws(ListingFailure) {
      _ = try await api.assets(page: 1, limit: 1, fileName: nil)
      return .ready
    } catch {
      switch error {
      case .refused(let answer): return .refused(.of(answer, error.outcome), isForeign: answer.isForeign)
      case .transport(let failure): return .unreachable(.of(failure, failure.outcome))
      }
    }
  }
}

extension ProcessingChunk.Refusal {
  /// Whether the step after was refused because the asset or the index does not exist.
  fileprivate var isForMissing: Bool {
    guard let meaning = code.flatMap(AssetOutcomes.meaning(ofCode:)) else { return status == 404 }
    return meaning == .missing
  }
}

/// Requests that only read, each through the gate that it was given.
struct GatedReading {
  let gate: any ReadingGate

  /// Why nothing was read.
  enum Failure: Error {
    /// The run stops.
    case stopped
    /// The service did not say it.
    case listing(ListingFailure)

    /// In words.
    var reason: String {
      switch self {
      case .stopped: "the run stops"
      case .listing(let failure): failure.reason
      }
    }

    /// Whether the service says that what was asked about does not exist.
    var isMissing: Bool {
      guard case .listing(let failure) = self else { return false }
      return failure.isMissing
    }
  }

  /// Makes one request when the gate says so.
  func callAsFunction<Value>(
    _ request: () async throws(ListingFailure) -> Value
  ) async throws(Failure) -> Value {
    guard await gate.enter() else { throw .stopped }
    do throws(ListingFailure) {
      let value = try await request()
      await gate.leave(isThrottled: false, asked: nil)
      return value
    } catch {
      let (isThrottled, asked) = error.throttling
      await gate.leave(isThrottled: isThrottled, asked: asked)
      throw .listing(error)
    }
  }
}
