internal import BatchDomain
internal import ServiceHTTP

/// What became of accepted items, by the lists of indexed assets: each is recognised by the id that the service gave.
struct IndexedAssetTracking: TrackingStrategy {
  let api: any AssetsAPI
  let clock: any BatchClock
  /// Why the run would be paused because of an answer, in words.
  let detail: @Sendable (ListingFailure, PauseReason) -> String

  var isByID: Bool { true }

  func mark(of item: SentItem) -> String? { item.externalID }

  func page(_ page: Int, of index: IndexID, gate: any ReadingGate) async -> TrackingAnswer<ListedPage> {
    await ask(through: gate) { () throws(ListingFailure) in
      let listed = try await api.indexedAssets(in: index, page: page)
      return ListedPage(
        number: page, videos: listed.rows.filter { $0.mayBe(in: index) }.map(Self.video),
        isLast: listed.endsList(at: page), readAt: clock.now())
    }
  }

  func reason(
    of id: String, in index: IndexID, gate: any ReadingGate
  ) async -> TrackingAnswer<String?> {
    await ask(through: gate) { () throws(ListingFailure) in
      let row = try await api.indexedAsset(id, in: index)
      return row.id == id && row.mayBe(in: index) ? row.reason : nil
    }
  }

  private static func video(_ row: IndexedAssetRow) -> ListedVideo {
    let (state, word) = VideoStatus.read(row.status)
    return ListedVideo(
      id: row.id, mark: row.id, createdAt: row.createdAt, state: state, detail: row.reason ?? word)
  }

  private func ask<Value>(
    through gate: any ReadingGate, _ request: () async throws(ListingFailure) -> Value
  ) async -> TrackingAnswer<Value> {
    do throws(GatedReading.Failure) {
      return .value(try await GatedReading(gate: gate)(request))
    } catch {
      switch error {
      case .stopped: return .stopped
      case .listing(let failure) where failure.isMissing: return .missing(failure.reason)
      case .listing(let failure):
        let refusal = failure.pause
        return .failed(refusal.map { detail(failure, $0) } ?? failure.reason, refusal: refusal)
      }
    }
  }
}
