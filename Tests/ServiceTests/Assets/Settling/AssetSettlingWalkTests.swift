import AssetsService
import BatchDomain
import NIOConcurrencyHelpers
import ServiceHTTP
import TestSupport
import Testing

/// Settling against services drawn from seeds: lists that are behind, fail, and grow; requests that a gateway hands on late;
/// clocks that are set. What it says must be true, and it must say something in the end.
@Suite struct AssetSettlingWalkTests {
  private static let delay = 30
  private static let grace = 60
  private static let object: ObjectName = "s3://media-west/a/01.mp4"

  /// What one seed draws. Times are seconds since the attempt began, as they pass for everybody.
  private struct Course {
    /// When the attempt ended for us.
    let end: Int
    /// Whether something on the way may hold the request after that.
    let isHeld: Bool
    /// When the service made what was asked for; `nil` if the request never arrived.
    let made: Int?
    /// A chunk that was begun shortly before the attempt ended, and accepted.
    let before: (begun: Int, accepted: Int)?
    /// How far the lists are behind.
    let lag: Int
    /// Later chunks: when each was begun, and when it was accepted.
    let later: [(begun: Int, accepted: Int)]
    /// All chunks that are accepted beside it, in the order of their intents.
    var others: [(begun: Int, accepted: Int)] { (before.map { [$0] } ?? []) + later }
    /// When our clock is set forward, and how far.
    let jump: (at: Int, by: Int)?
    let random: SeededRandom

    init(seed: UInt64) {
      random = SeededRandom(seed: seed)
      let random = random
      func draw(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(random.next() % UInt64(range.count))
      }
      end = draw(1...60)
      isHeld = draw(0...1) == 0
      let arrival = draw(0...(isHeld ? end + AssetSettlingWalkTests.grace - 1 : end))
      made = draw(0...1) == 0 ? arrival : nil
      let begunBefore = end - draw(0...min(end, AssetSettlingWalkTests.delay))
      before = draw(0...1) == 0 ? (begunBefore, begunBefore + draw(0...5)) : nil
      // Without a chunk that was accepted before, twice the settle delay is all that there is to go by, and the second
      // look one delay later.
      lag = draw(0...(before == nil ? Self.shortLag : 400))
      var later: [(begun: Int, accepted: Int)] = []
      var begun = end
      for _ in 0..<draw(0...4) {
        begun += draw(1...60)
        later.append((begun, begun + draw(0...5)))
      }
      self.later = later
      jump = draw(0...3) == 0 ? (end + draw(1...100), draw(2...3_600)) : nil
    }

    /// The longest lag that settling gets along with when it cannot see it.
    static let shortLag = 3 * AssetSettlingWalkTests.delay - 2

    /// What our clock shows when so much time has passed.
    func shown(_ seconds: Int) -> Int { seconds + (jump.map { seconds >= $0.at ? $0.by : 0 } ?? 0) }
  }

  private final class Records: SettlingRecords {
    struct State {
      /// In the order of their intents.
      var acceptances: [StepAcceptance] = []
      /// Whether the first of them was begun before the attempt ended.
      var isBefore = false
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
        state.acceptances.dropFirst(intents > 0 && state.isBefore ? 1 : 0).last
      }
    }
    func recorded(among ids: Set<String>) async throws -> RecordedIDs { RecordedIDs() }
  }

  /// Follows one course to a verdict.
  private func follow(_ course: Course, _ step: ChunkStep, seed: UInt64) async throws {
    let clock = ManualClock()
    let start = clock.now()
    let model = ModelAssets(pageLimit: 2)
    let records = Records()
    let tag = sampleTag(number: 7, index: "i1", object: Self.object)
    var strategy = AssetsService(
      model, urls: FixedURLs(), run: try #require(RunID(rawValue: sampleRun)), urlLifetime: .seconds(3_600),
      clock: clock, destination: ""
    ).settling(
      SettlingContext(
        evidence: records, gate: CountingGate(), clock: clock, delay: .seconds(Self.delay),
        grace: .seconds(Self.grace)))
    let chunk = UnknownChunk(
      number: ChunkNumber(4), firstItem: 7,
      items: [UnknownChunk.Item(index: "i1", object: Self.object, name: Self.object.fileName)], attempt: 1,
      step: step, externalIDs: step == .index ? [.upload: "a"] : [:], startedAt: start,
      endedAt: start + .seconds(course.shown(course.end)), intent: 100, endedAfter: 110,
      loss: course.isHeld ? .answered : .broken, status: course.isHeld ? 504 : nil,
      code: course.isHeld ? nil : "reset")
    var passed = 0
    for look in 0..<60 {
      let next = look == 0 ? course.end + Self.delay : passed + Self.delay
      if let jump = course.jump, passed < jump.at, next >= jump.at {
        clock.setNow(clock.now() + .seconds(jump.by))
      }
      clock.advance(by: .seconds(next - passed))
      passed = next
      // A long lag is seen when the first look is made: there is a chunk that it does not show.
      let fails = course.random.next() % 8 == 0 && (look > 0 || course.lag <= Course.shortLag)
      model.change { [passed] in
        show(course, at: passed, from: start, tag: tag, in: &$0)
        $0.failures = fails ? [.list: .broken, .ofAsset: .broken] : [:]
      }
      let accepted = course.others.enumerated().filter { $0.element.accepted <= passed }
      records.state.withLockedValue {
        $0.acceptances = accepted.map { number, other in
          StepAcceptance(
            chunk: ChunkNumber(10 + number), externalID: "w\(number)",
            startedAt: start + .seconds(course.shown(other.begun)),
            acceptedAt: start + .seconds(course.shown(other.accepted)),
            externalIDs: [.upload: "of-w\(number)"])
        }
        $0.isBefore = course.before != nil
      }
      let reading = try #require(
        try await strategy.look(at: [chunk], canSendMore: look % 2 == 0)?[chunk.number])
      switch reading.finding {
      case .received:
        #expect(course.made.map { $0 <= passed } == true, "seed \(seed): received, and never was")
        #expect(reading.externalID == "mine", "seed \(seed)")
        return
      case .notReceived:
        #expect(course.made == nil, "seed \(seed): not received, and made at \(course.made ?? 0): \(course)")
        return
      case .open, .unconfirmed: continue
      case .partlyReceived, .undecidable:
        Issue.record("seed \(seed): \(reading)")
        return
      }
    }
    Issue.record("seed \(seed): nothing is concluded: \(course)")
  }

  /// What the lists show.
  private func show(
    _ course: Course, at passed: Int, from start: Timestamp, tag: ItemTag, in model: inout ModelAssets.Model
  ) {
    var made: [(id: String, at: Int, item: String)] = course.others.enumerated().map {
      ("w\($0)", $1.begun, "other \($0)")
    }
    if let mine = course.made { made.append(("mine", mine, tag.item)) }
    let shown = made.filter { $0.at + course.lag <= passed }.sorted { $0.at > $1.at }
    model.assets = shown.map {
      AssetRow(
        id: $0.id, status: "processing", fileName: "x.mp4", createdAt: start + .seconds($0.at),
        hasMetadata: true, item: $0.item, run: sampleRun)
    }
    model.indexed = shown.map {
      IndexedAssetRow(
        id: $0.id, asset: $0.id == "mine" ? "a" : "of-\($0.id)", index: "i1",
        createdAt: start + .seconds($0.at))
    }
  }

  @Test(arguments: [ChunkStep.upload, .index])
  func `what settling says is true, whatever the service does`(step: ChunkStep) async throws {
    for seed in 0..<UInt64(400) { try await follow(Course(seed: seed), step, seed: seed) }
  }
}
