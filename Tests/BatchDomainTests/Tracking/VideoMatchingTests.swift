import BatchDomain
import Testing

@Suite("Videos of one file name, told apart by count and time")
struct VideoMatchingTests {
  private static let start = Timestamp(milliseconds: 1_750_000_000_000)

  private func item(_ seconds: Int = 0) -> (since: Timestamp, until: Timestamp) {
    (Self.start + .seconds(seconds), Self.start + .seconds(seconds + 2))
  }

  private func video(_ id: String, _ state: TrackedState, after seconds: Int? = 1, _ detail: String? = nil)
    -> ListedVideo
  {
    ListedVideo(
      id: id, mark: nil, createdAt: seconds.map { Self.start + .seconds($0) }, state: state, detail: detail)
  }

  private func states(
    _ items: [(since: Timestamp, until: Timestamp)], _ videos: [ListedVideo]
  ) -> [TrackedState] {
    VideoMatching.findings(of: items, among: videos).map(\.state)
  }

  @Test("one item, one video: its state, id and reason")
  func one() {
    let found = VideoMatching.findings(of: [item()], among: [video("x", .failed, "no audio")])
    #expect(found == [TrackedFinding(.failed, externalID: "x", detail: "no audio")])
  }

  @Test("an item of which nothing is listed is not seen")
  func none() { #expect(states([item()], []) == [.notSeen]) }

  @Test("a video that was made before the request is of somebody else")
  func older() {
    #expect(states([item()], [video("x", .ready, after: -121)]) == [.notSeen])
    // The two clocks may differ.
    #expect(states([item()], [video("x", .ready, after: -119)]) == [.ready])
    #expect(states([item()], [video("x", .ready, after: nil)]) == [.ready])
  }

  @Test("fewer videos than items: the rest is not seen")
  func fewer() {
    #expect(
      states([item(), item(), item()], [video("x", .ready), video("y", .ready)]) == [
        .ready, .ready, .notSeen,
      ]
    )
  }

  @Test("more videos than items are ambiguous, whatever their states")
  func more() {
    #expect(states([item()], [video("x", .ready), video("y", .ready)]) == [.ambiguous])
    #expect(states([item()], [video("x", .ready), video("y", .failed)]) == [.ambiguous])
  }

  @Test("what was made long after the request does not make one ambiguous")
  func later() {
    let found = VideoMatching.findings(
      of: [item()], among: [video("x", .ready), video("y", .failed, after: 500)])
    #expect(found == [TrackedFinding(.ready, externalID: "x")])
  }

  @Test("different states of videos that cannot be told apart are ambiguous")
  func mixed() {
    #expect(
      states([item(), item()], [video("x", .ready), video("y", .failed)]) == [.ambiguous, .ambiguous])
    #expect(states([item(), item()], [video("x", .ready), video("y", .ready)]) == [.ready, .ready])
    #expect(
      states([item(), item(), item()], [video("x", .ready), video("y", .failed)])
        == [.ambiguous, .ambiguous, .notSeen])
  }

  @Test("items that were sent at different times are told apart by them")
  func byTime() {
    let found = VideoMatching.findings(
      of: [item(), item(1_000)], among: [video("y", .failed, after: 1_001), video("x", .ready)])
    #expect(
      found == [TrackedFinding(.ready, externalID: "x"), TrackedFinding(.failed, externalID: "y")])
  }

  /// What a look says of one item that was sent 20 s after the start, of which another run has a video.
  private func after(
    _ videos: ListedVideo..., taken id: String, since: Int = 0, until: Int = 2
  ) -> TrackedFinding? {
    let owner = TakenVideo(
      id: id, since: Self.start + .seconds(since), until: Self.start + .seconds(until))
    return VideoMatching.findings(of: [item(20)], among: videos, taken: [owner]).first
  }

  @Test("a video that an earlier request brought is of that request, whichever clock is ahead")
  func taken() {
    for ahead in [-60, 0, 60] {
      let old = video("old", .failed, after: 1 + ahead)
      let new = video("new", .ready, after: 21 + ahead)
      #expect(after(old, taken: "old") == TrackedFinding(.notSeen))
      #expect(after(new, old, taken: "old") == TrackedFinding(.ready, externalID: "new"))
    }
    // Times that cannot be read say nothing against it.
    #expect(after(video("old", .failed, after: nil), taken: "old") == TrackedFinding(.notSeen))
  }

  @Test("what was made before a video of an earlier request is not of a later one")
  func beforeTaken() {
    let (x, y) = (video("x", .ready, after: 1), video("y", .failed, after: 3))
    #expect(after(x, y, taken: "y") == TrackedFinding(.notSeen))
    // Requests that overlap may change places.
    #expect(after(x, y, taken: "y", until: 22) == TrackedFinding(.ready, externalID: "x"))
  }

  @Test(
    "a video that was made long after the earlier request, or that a later one has, may be of this one"
  )
  func takenInVain() {
    let new = video("new", .ready, after: 150)
    #expect(after(new, taken: "new") == TrackedFinding(.ready, externalID: "new"))
    #expect(after(video("x", .ready, after: 21), taken: "x", since: 25)?.state == .ready)
  }

  @Test("the order of the listing does not matter")
  func order() {
    let videos = [video("x", .ready), video("y", .waiting, after: 2), video("z", .failed, after: 3)]
    let expected = states([item(), item(), item()], videos)
    #expect(states([item(), item(), item()], videos.reversed()) == expected)
  }

  @Test("looks are soon at first, and farther apart the older the run is")
  func pace() {
    func wait(_ age: Duration, took: Duration = .zero, failures: Int = 0, unit: Double = 0.5) -> Duration {
      TrackingPace.wait(age: age, took: took, failures: failures, unit: unit)
    }
    #expect(wait(.seconds(2)) == .seconds(1))
    #expect(wait(.seconds(600)) == .seconds(60))
    #expect(wait(.seconds(86_400)) == TrackingPace.longest)
    #expect(wait(.seconds(600), unit: 0) < wait(.seconds(600), unit: 0.9))
    // A listing that takes long is not read all the time, and neither is one that fails.
    #expect(wait(.seconds(2), took: .seconds(900)) == .seconds(900))
    #expect(wait(.seconds(2), failures: 8) >= .seconds(60))
    // A clock that was put back.
    #expect(wait(.seconds(-5)) == .seconds(1))
  }
}
