import BatchDomain
import TestSupport
import Testing

/// Items of several runs that are followed by their file names.
extension RunSessionConformance {
  /// Sends all of a run's items, one after the other.
  private func accept(_ session: any RunSession, at moment: Timestamp) async throws {
    while case .chunk(let chunk) = try await session.claim(at: moment) {
      _ = try await session.record(result(chunk, .accepted, .accepted))
    }
  }

  /// Makes one look at a run, of which the listing has these videos.
  private func look(
    at run: RunID, in store: any BatchStore, _ videos: ListedVideo...
  ) async throws -> [TrackedFinding] {
    _ = try await store.follow(of: run, after: nil, limit: 100) { $0.object.fileName.rawValue }
    for listing in try await store.openListings(of: run) {
      let page = ListedPage(number: 1, videos: videos, isLast: true, readAt: start + .seconds(60))
      _ = try await store.record(page, of: listing, isByID: false)
      _ = try await store.judge(listing, after: nil, limit: 100, at: start + .seconds(60))
      try await store.endWalk(of: listing)
    }
    return try await store.trackedItems(of: run, in: 0..<100).map(\.finding)
  }

  private func video(_ id: String, _ state: TrackedState, after seconds: Int) -> ListedVideo {
    ListedVideo(id: id, mark: "a.mp4", createdAt: start + .seconds(seconds), state: state)
  }

  func videoOfAnEarlierRunIsNotCounted() async throws {
    let store = try await makeStore()
    let sources = [PlannedItems.source(0, name: "a.mp4")]
    // The service's clock is ahead in the second case: what it made first seems younger than the second request.
    for (number, ahead) in [0, 60].enumerated() {
      let random = UInt64(number * 3 + 1)
      let first = try await PlannedItems.plan(
        sources, chunkSize: 1, in: store, at: start + .seconds(number * 3_600), random: random)
      let begin = number * 3_600
      try await accept(first, at: start + .seconds(begin))
      let old = video("old-\(number)", .failed, after: begin + 1 + ahead)
      #expect(
        try await look(at: first.run, in: store, old) == [
          TrackedFinding(.failed, externalID: "old-\(number)")
        ])
      let second = try await PlannedItems.plan(
        sources, chunkSize: 1, in: store, at: start + .seconds(begin + 20), random: random + 1)
      try await accept(second, at: start + .seconds(begin + 20))
      #expect(try await look(at: second.run, in: store, old) == [TrackedFinding(.notSeen)])
      let new = video("new-\(number)", .ready, after: begin + 22 + ahead)
      #expect(
        try await look(at: second.run, in: store, old, new) == [
          TrackedFinding(.ready, externalID: "new-\(number)")
        ])
      // The first one keeps its own.
      #expect(try await look(at: first.run, in: store, old, new).map(\.state) == [.failed])
    }
  }
}
