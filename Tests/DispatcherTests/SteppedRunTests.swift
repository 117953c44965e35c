import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import RunStore
import TestSupport
import Testing

@testable import StoreCore

/// A run of two steps against a made-up service, through the real loop and the real store.
@Suite("A service of two steps", .timeLimit(.minutes(10)))
struct SteppedRunTests {
  private func scene(items: Int, _ configure: (inout RunSettings) -> Void = { _ in }) async throws -> RunScene
  {
    try await RunScene(items: items) {
      $0.profile = .v1_3
      configure(&$0)
    }
  }

  /// Whether the records have nothing wrong.
  private func isSound(_ scene: RunScene) async throws -> Bool {
    let problems = try await scene.store.audit(scene.session.run, listing: 10).problems.filter {
      $0.check != .manifestDigest
    }
    for problem in problems { Issue.record("\(problem.row) \(problem.message)") }
    return problems.isEmpty
  }

  @Test("every item goes through both steps once, and the second brings along the id of the first")
  func bothSteps() async throws {
    let scene = try await scene(items: 30)
    let service = SteppedService(looking: { _, look in
      look < 2 ? .working(status: "processing") : .done(mediaLength: nil)
    })
    #expect(try await scene.run(module: service) == .finished)
    let counts = try await scene.summary().counts
    #expect(counts.items(in: .accepted) == 30)
    #expect(service.made(.upload).values.allSatisfy { $0 == 1 } && service.made(.upload).count == 30)
    #expect(service.made(.index).values.allSatisfy { $0 == 1 } && service.made(.index).count == 30)
    #expect(service.brought.values.allSatisfy { $0.count == 1 && $0[0]?.hasPrefix("upload-") == true })
    #expect(service.polled.allSatisfy { $0.count <= 10 })
    let items = try await scene.store.items(of: scene.session.run, matching: RowFilter(), from: 0, limit: 30)
      .rows
    #expect(items.allSatisfy { $0.externalIDs.count == 2 })
  }

  @Test("a run whose uploads are accepted and whose items are not has no first acceptance")
  func firstAcceptance() async throws {
    func accepted(in scene: RunScene) -> [Int] {
      scene.events.all.compactMap { event in
        if case .firstAccepted(let counts) = event { counts.items(in: .accepted) } else { nil as Int? }
      }
    }
    let refused = try await scene(items: 3) { $0.maxFailures = .items(3) }
    let refusing = SteppedService.answering { step, _, _ in
      step == .index ? .refuse("video_file_broken", isAboutItem: true) : .take(isDone: true)
    }
    #expect(try await refused.run(module: refusing) == .finished)
    #expect(accepted(in: refused).isEmpty)
    let timeline = try await refused.store.timeline(of: refused.session.run)
    #expect(timeline.firstIntentAt != nil && timeline.firstAcceptedAt == nil)
    let taken = try await scene(items: 3)
    let taking = SteppedService.answering { _, _, _ in .take(isDone: true) }
    #expect(try await taken.run(module: taking) == .finished)
    let first = accepted(in: taken)
    #expect(first.count == 1 && first.allSatisfy { $0 > 0 })
    let indexed = try await taken.store.attempts(
      of: taken.session.run, matching: RowFilter(), after: nil, limit: 10
    ).rows.filter { $0.step == .index && $0.outcome == .accepted }.compactMap(\.finishedAt).min()
    #expect(indexed != nil)
    #expect(try await taken.store.timeline(of: taken.session.run).firstAcceptedAt == indexed)
  }

  @Test("a step that is done with its answer is not polled")
  func doneAtOnce() async throws {
    let scene = try await scene(items: 8)
    let service = SteppedService.answering { _, _, _ in .take(isDone: true) }
    #expect(try await scene.run(module: service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 8)
    #expect(service.polled.isEmpty)
  }

  @Test("lost answers of either step are settled: nothing is made twice, and ids are found again")
  func lostAnswers() async throws {
    let scene = try await scene(items: 20)
    let service = SteppedService.answering { step, chunk, request in
      guard request == 0 else { return .take() }
      switch (step, chunk.rawValue % 5) {
      case (.upload, 1), (.index, 2): return .takeAndLose
      case (.upload, 3), (.index, 4): return .lose
      default: return .take()
      }
    }
    #expect(try await scene.run(module: service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 20)
    #expect(service.made(.upload).values.allSatisfy { $0 == 1 })
    #expect(service.made(.index).values.allSatisfy { $0 == 1 })
    #expect(try await scene.store.surplus(of: scene.session.run).isEmpty)
    #expect(try await isSound(scene))
  }

  @Test("no more than --ahead items are between the first step and the end of the second")
  func ahead() async throws {
    let scene = try await scene(items: 40) {
      $0.ahead = 5
      $0.concurrency = 16
    }
    let service = SteppedService(looking: { _, look in
      look < 3 ? .working(status: "processing") : .done(mediaLength: nil)
    })
    #expect(try await scene.run(module: service) == .finished)
    #expect(service.mostBegun <= 5)
    #expect(service.mostBegun > 1)
  }

  @Test("the first item goes alone until its first step is done; a refused one gives its place to the next")
  func first() async throws {
    let scene = try await scene(items: 12)
    let service = SteppedService(
      firstGoesAlone: true,
      looking: { chunk, look in
        chunk.rawValue == 1 && look < 5 ? .working(status: "processing") : .done(mediaLength: nil)
      }
    ) { step, chunk, _ in
      step == .upload && chunk.rawValue == 0 ? .refuse("video_file_broken", isAboutItem: true) : .take()
    }
    #expect(try await scene.run(module: service) == .finished)
    // Nothing but the two is sent before the second one's look says that it is done.
    #expect(service.sent.prefix(2).map(\.chunk.rawValue) == [0, 1])
    #expect(service.looksBeforeRequest[2] == 6)
    let counts = try await scene.summary().counts
    #expect(counts.items(in: .rejected) == 1)
    #expect(counts.items(in: .accepted) == 11)
  }

  @Test("a bad item of a short run does not pause it before its neighbours are decided")
  func shortRun() async throws {
    let scene = try await scene(items: 8)
    let service = SteppedService(looking: { _, look in
      look < 3 ? .working(status: "processing") : .done(mediaLength: nil)
    }) { step, chunk, _ in
      step == .upload && chunk.rawValue == 1 ? .refuse("video_file_broken", isAboutItem: true) : .take()
    }
    #expect(try await scene.run(module: service) == .finished)
    #expect(try await scene.summary().counts.items(in: .rejected) == 1)
  }

  @Test("what was uploaded counts as good so far: a third that is refused at once is a third")
  func underWay() async throws {
    func run(refusing refused: @escaping @Sendable (Int) -> Bool) async throws -> (RunExit, StateCounts) {
      // One at a time, so that the answers come in the order of the chunks.
      let scene = try await scene(items: 60) { $0.concurrency = 1 }
      let service = SteppedService(looking: { _, look in
        look < 5 ? .working(status: "processing") : .done(mediaLength: nil)
      }) { step, chunk, _ in
        step == .upload && refused(chunk.rawValue) ? .refuse("video_file_broken", isAboutItem: true) : .take()
      }
      return (try await scene.run(module: service), try await scene.summary().counts)
    }
    let third = try await run { $0 % 3 == 1 }
    #expect(third.0 == .finished)
    #expect(third.1.items(in: .rejected) == 20)
    let most = try await run { $0 % 3 != 1 }
    guard case .paused(.failures, let detail) = most.0 else {
      Issue.record("not paused")
      return
    }
    #expect(detail?.contains("items decided or taken so far") == true, "\(detail ?? "")")
    #expect(most.1.items(in: .rejected) < 20)
  }

  @Test("a first item that the service cannot use pauses the run, and the item stays to be sent")
  func sourceCannotBeUsed() async throws {
    let scene = try await scene(items: 12)
    let service = SteppedService(
      firstGoesAlone: true,
      looking: { _, _ in .ended(.content, code: "asset_failed", message: "cannot be fetched") })
    guard case .paused(.source, let detail) = try await scene.run(module: service) else {
      Issue.record("not paused")
      return
    }
    #expect(detail?.contains("cannot be fetched") == true)
    #expect(service.sent.count == 1)
    #expect(try await scene.summary().counts.items(in: .pending) == 12)
  }

  @Test(
    "once one was usable, an item that the service cannot use is rejected, and no other step is sent for it")
  func oneCannotBeUsed() async throws {
    let scene = try await scene(items: 6)
    // The first one goes alone, so that it is usable before any other is looked at.
    let service = SteppedService(
      firstGoesAlone: true,
      looking: { chunk, _ in
        chunk.rawValue == 3
          ? .ended(.content, code: "asset_failed", message: "no such codec") : .done(mediaLength: nil)
      })
    #expect(try await scene.run(module: service) == .finished)
    #expect(try await scene.summary().counts.items(in: .rejected) == 1)
    #expect(service.requests(.index, ChunkNumber(3)) == 0)
  }

  @Test("a first step that an earlier process saw done is proof, though nothing was sent after it")
  func provenBefore() async throws {
    let scene = try await scene(items: 6)
    let now = scene.clock.now()
    guard case .chunk(let first) = try await scene.session.claim(.upload, at: now) else {
      Issue.record("nothing to claim")
      return
    }
    _ = try await scene.session.record(
      AttemptRecord(
        of: first, SubmissionResult(.accepted, status: 201, externalID: "early", isDone: true),
        finishedAt: now,
        took: .zero, isCounted: false, event: .stepDone, nextStep: .index))
    try await scene.session.release(as: .paused(.signal, detail: nil), at: now)
    let heir = try await scene.store.take(scene.session.run, isCancelling: false, at: now)
    let service = SteppedService(
      firstGoesAlone: true,
      looking: { chunk, _ in
        chunk.rawValue == 1
          ? .ended(.content, code: "asset_failed", message: "no such codec") : .done(mediaLength: nil)
      })
    #expect(try await scene.run(module: service, of: heir) == .finished)
    #expect(service.brought[first.number] == ["early"])
    let counts = try await scene.summary().counts
    #expect(counts.items(in: .rejected) == 1)
    #expect(counts.items(in: .accepted) == 5)
  }

  @Test("whoever polls a chunk knows when the URL ends that its item was sent with")
  func endOfURL() async throws {
    let scene = try await scene(items: 3)
    let end = scene.clock.now() + .milliseconds(43_200_007)
    let service = SteppedService(urlEndsAt: end)
    #expect(try await scene.run(module: service) == .finished)
    #expect(service.polledURLEnds.count >= 3 && service.polledURLEnds.allSatisfy { $0 == end })
  }

  @Test("ten equal refusals that may mean that it was there already, and do not, pause the run, too")
  func equalDoubts() async throws {
    let scene = try await scene(items: 40) { $0.maxFailures = .items(1_000) }
    let service = SteppedService.answering { step, _, _ in
      step == .index ? .refuse("exists", isAboutItem: false) : .take(isDone: true)
    }
    guard case .paused(.failures, let detail) = try await scene.run(module: service) else {
      Issue.record("not paused")
      return
    }
    #expect(detail?.contains("exists") == true)
    #expect((10..<20).contains(try await scene.summary().counts.items(in: .rejected)))
  }

  @Test("a word of the service that nobody knows is told once, and a pause names what the service says")
  func unknownStatuses() async throws {
    let scene = try await scene(items: 4) { $0.maxWait = .seconds(60) }
    let service = SteppedService(looking: { chunk, look in
      switch chunk.rawValue {
      case 0: .working(status: "processing")
      // Its last word counts.
      case 1: .working(status: look == 0 ? "asleep" : "processing", isKnown: look > 0)
      default: .working(status: "blocked\u{1b}[1m", isKnown: false)
      }
    })
    guard case .paused(.unreachable, let detail?) = try await scene.run(module: service) else {
      Issue.record("not paused")
      return
    }
    #expect(detail.contains("none of 4 videos that it works on came to an end"), "\(detail)")
    #expect(detail.hasSuffix("; the service says blocked\\x1b[1m, processing"), "\(detail)")
    let told = scene.events.all.compactMap { event in
      if case .unknownStatus(_, let status) = event { status } else { nil as String? }
    }
    #expect(told.sorted() == ["asleep", "blocked\\x1b[1m"])
  }

  @Test("a pause names a few of the service's words, and observers are told of twenty")
  func manyUnknownStatuses() async throws {
    let scene = try await scene(items: 30) { $0.maxWait = .seconds(60) }
    let service = SteppedService(looking: { chunk, _ in
      .working(status: "w\(100 + chunk.rawValue)", isKnown: false)
    })
    guard case .paused(.unreachable, let detail?) = try await scene.run(module: service) else {
      Issue.record("not paused")
      return
    }
    #expect(detail.hasSuffix("; the service says w100, w101, w102 and other words"), "\(detail)")
    let told = scene.events.all.count { if case .unknownStatus = $0 { true } else { false } }
    #expect(told == 20)
  }

  @Test("items that are refused without a request do not make an outage longer")
  func refusedWithoutARequest() async throws {
    let scene = try await scene(items: 40) {
      $0.maxFailures = .items(1_000)
      $0.maxWait = .seconds(60)
    }
    let service = SteppedService.answering { _, chunk, _ in
      chunk.rawValue % 2 == 1 ? .refuseUnsent("no_such_bucket") : .lose
    }
    guard case .paused(.unreachable, _) = try await scene.run(module: service) else {
      Issue.record("not paused")
      return
    }
    // Each one that is lost makes the pause before the next twice as long: a minute is over before the manifest is.
    #expect(try await scene.summary().counts.items(in: .rejected) < 20)
  }

  @Test("a store of videos that does not answer spends no attempt, whatever gets through meanwhile")
  func noAddress() async throws {
    let scene = try await scene(items: 12) {
      $0.maxAttempts = 1
      $0.concurrency = 2
    }
    let service = SteppedService.answering { step, chunk, request in
      step == .upload && chunk.rawValue == 3 && request < 5
        ? .findNoAddress(afterOthers: request == 0) : .take(isDone: true)
    }
    #expect(try await scene.run(module: service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 12)
    #expect(service.requests(.upload, ChunkNumber(3)) == 6)
    // It waited for a back-off, so that others could go first.
    let readyAt = try await scene.store.database.read {
      try $0.first("SELECT ready_at FROM chunk WHERE number = 3") { $0.int(0) }
    }
    #expect(try #require(readyAt) > 0)
    #expect(try await isSound(scene))
  }

  @Test("ten equal refusals that are not about a video pause the run; with a success between they do not")
  func equalRefusals() async throws {
    let scene = try await scene(items: 40) { $0.maxFailures = .items(1_000) }
    let service = SteppedService.answering { step, _, _ in
      step == .upload ? .refuse("parameter_invalid", isAboutItem: false) : .take()
    }
    guard case .paused(.failures, let detail) = try await scene.run(module: service) else {
      Issue.record("not paused")
      return
    }
    #expect(detail?.contains("parameter_invalid") == true)
    // Those under way at the tenth are refused, too.
    #expect((10..<14).contains(try await scene.summary().counts.items(in: .rejected)))

    // One at a time, so that the answers come in the order of the chunks.
    let mixed = try await self.scene(items: 40) {
      $0.maxFailures = .items(1_000)
      $0.concurrency = 1
    }
    let lenient = SteppedService.answering { step, chunk, _ in
      step == .upload && chunk.rawValue % 9 != 0 ? .refuse("parameter_invalid", isAboutItem: false) : .take()
    }
    #expect(try await mixed.run(module: lenient) == .finished)
  }

  @Test(
    "a refusal that means \"not ready\" is a wait, however often it comes; once the step before is done, the third stands"
  )
  func notReady() async throws {
    let scene = try await scene(items: 2)
    // Each look after a refusal says that the step is not done, the next one that it is.
    let service = SteppedService(looking: { _, look in
      look % 2 == 1 ? .working(status: "processing") : .done(mediaLength: nil)
    }) {
      step, chunk, request in
      step == .index && chunk.rawValue == 0 && request < 3
        ? .refuse("not_ready", isAboutItem: false) : .take()
    }
    #expect(try await scene.run(module: service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 2)
    #expect(service.requests(.upload, ChunkNumber(0)) == 1)

    // The service may say that the step is done before it takes the next one.
    let late = try await self.scene(items: 2)
    let behind = SteppedService.answering { step, chunk, request in
      step == .index && chunk.rawValue == 0 && request < 2
        ? .refuse("not_ready", isAboutItem: false) : .take()
    }
    #expect(try await late.run(module: behind) == .finished)
    #expect(try await late.summary().counts.items(in: .accepted) == 2)
    #expect(behind.requests(.upload, ChunkNumber(0)) == 1)

    let other = try await self.scene(items: 2)
    let firm = SteppedService.answering { step, chunk, _ in
      step == .index && chunk.rawValue == 0 ? .refuse("not_ready", isAboutItem: false) : .take()
    }
    #expect(try await other.run(module: firm) == .finished)
    #expect(try await other.summary().counts.items(in: .rejected) == 1)
    #expect(firm.requests(.index, ChunkNumber(0)) == 3)
    // A retry finds out with one more request that nothing has changed.
    let heir = try await other.store.take(other.session.run, isCancelling: false, at: other.clock.now())
    _ = try await heir.retry([.rejected])
    #expect(try await other.run(module: firm, of: heir) == .finished)
    #expect(try await other.summary().counts.items(in: .rejected) == 1)
    #expect(firm.requests(.index, ChunkNumber(0)) == 4)

    let last = try await self.scene(items: 2) { $0.maxAttempts = 1 }
    #expect(try await last.run(module: firm) == .finished)
    #expect(try await last.summary().counts.items(in: .rejected) == 1)
    for scene in [scene, late, other, last] { #expect(try await isSound(scene)) }
  }

  @Test(
    "where one of several indexes is missing, its item is rejected at the second step, and a retry repeats no first one"
  )
  func oneIndexIsMissing() async throws {
    let scene = try await RunScene(
      sources: [PlannedItems.source(0), PlannedItems.source(1, index: "629d807aa9e2a3a33a92c00c")],
      chunkSize: 1
    ) { $0.profile = .v1_3 }
    // The item of the other index is left to decide until then.
    let service = SteppedService(looking: { [events = scene.events] chunk, look in
      if chunk.rawValue == 1 {
        return look == 1
          ? .ended(.index, code: "no_index", message: "the index does not exist") : .done(mediaLength: nil)
      }
      let isRejected = events.all.contains {
        if case .setback(_, _, _, let code, _) = $0 { code == "no_index" } else { false }
      }
      return isRejected ? .done(mediaLength: nil) : .working(status: "processing")
    }) { step, chunk, request in
      step == .index && chunk.rawValue == 1 && request == 0
        ? .refuse("not_ready", isAboutItem: false) : .take()
    }
    #expect(try await scene.run(module: service) == .finished)
    #expect(try await scene.summary().counts.items(in: .rejected) == 1)
    let heir = try await scene.store.take(scene.session.run, isCancelling: false, at: scene.clock.now())
    _ = try await heir.retry([.rejected])
    #expect(try await scene.run(module: service, of: heir) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 2)
    #expect(service.requests(.upload, ChunkNumber(1)) == 1)
    #expect(service.requests(.index, ChunkNumber(1)) == 2)
    #expect(service.made(.upload).values.allSatisfy { $0 == 1 })
    #expect(try await isSound(scene))
  }

  @Test(
    "what cannot be used after all, once the step after was refused, is made again from its first step, and counts"
  )
  func unusableAfterRefusal() async throws {
    let scene = try await scene(items: 2) { $0.maxAttempts = 3 }
    // The refusal leads to a look at what was made, which has to be made again.
    let service = SteppedService(looking: { chunk, look in
      chunk.rawValue == 1 && look == 1
        ? .ended(.notProcessed, code: "asset_failed", message: "its URL has ended") : .done(mediaLength: nil)
    }) { step, chunk, request in
      step == .index && chunk.rawValue == 1 && request == 0
        ? .refuse("not_ready", isAboutItem: false) : .take()
    }
    #expect(try await scene.run(module: service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 2)
    #expect(service.requests(.upload, ChunkNumber(1)) == 2)
    #expect(service.requests(.index, ChunkNumber(1)) == 2)
    // The second request of the step after brings along the id of what was made last.
    let brought = service.brought[ChunkNumber(1)] ?? []
    #expect(brought.count == 2 && brought[0] != brought[1])
    #expect(try await isSound(scene))

    // It ends where it never can be used.
    let other = try await self.scene(items: 2) { $0.maxAttempts = 3 }
    let hopeless = SteppedService(looking: { chunk, look in
      chunk.rawValue == 1 && look % 2 == 1
        ? .ended(.notProcessed, code: "asset_failed", message: nil) : .done(mediaLength: nil)
    }) { step, chunk, _ in
      step == .index && chunk.rawValue == 1 ? .refuse("not_ready", isAboutItem: false) : .take()
    }
    #expect(try await other.run(module: hopeless) == .finished)
    #expect(try await other.summary().counts.items(in: .failed) == 1)
    #expect(hopeless.requests(.upload, ChunkNumber(1)) == 3)
    #expect(try await isSound(other))
  }

  @Test("what the service has no more is made again from the first step, and counts")
  func gone() async throws {
    let scene = try await scene(items: 3) { $0.settleGrace = .seconds(5) }
    let service = SteppedService(looking: { chunk, look in
      chunk.rawValue == 1 && look < 8 ? .gone : .done(mediaLength: nil)
    })
    #expect(try await scene.run(module: service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 3)
    #expect(service.requests(.upload, ChunkNumber(1)) > 1)
    #expect(service.requests(.upload, ChunkNumber(2)) == 1)
    #expect(try await isSound(scene))
  }

  @Test("a wait of one budget holds back no other")
  func waitsAreApart() async throws {
    // The scene's clock goes on while a slow machine works: far longer than the other items need.
    let wait: Duration = .seconds(7_200)
    let scene = try await scene(items: 6) { $0.concurrency = 1 }
    let service = SteppedService.answering { step, chunk, request in
      step == .upload && chunk.rawValue == 3 && request == 0 ? .throttle(wait) : .take()
    }
    #expect(try await scene.run(module: service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 6)
    let attempts = try await scene.store.attempts(
      of: scene.session.run, matching: RowFilter(), after: nil, limit: 50
    ).rows
    let throttled = try #require(attempts.first { $0.outcome == .throttled })
    // The items before it are indexed during its wait.
    let indexed = attempts.filter { $0.step == .index && $0.key.chunk.rawValue < 3 }
    #expect(indexed.allSatisfy { $0.startedAt < throttled.startedAt + wait })
    #expect(
      attempts.filter { $0.step == .upload && $0.key.chunk.rawValue > 3 }
        .allSatisfy { $0.startedAt >= throttled.startedAt + wait })
  }

  @Test("a wait that a poll is asked for outlives the process: nothing is polled before it is over")
  func waitOfReading() async throws {
    let scene = try await scene(items: 3) { $0.maxWait = .seconds(8 * 3_600) }
    let service = SteppedService(pollWaits: [.seconds(86_400)])
    func resume() async throws -> RunExit {
      let heir = try await scene.store.take(scene.session.run, isCancelling: false, at: scene.clock.now())
      return try await scene.run(module: service, of: heir)
    }
    func isThrottled(_ exit: RunExit) -> Bool {
      if case .paused(.throttled, _) = exit { true } else { false }
    }
    let begun = scene.clock.now()
    #expect(isThrottled(try await scene.run(module: service)))
    let wait = try #require(try await scene.summary().wait)
    #expect(wait.reason == "the service asks to wait")
    #expect(wait.length == .seconds(86_400))
    #expect(wait.until >= begun + .seconds(86_400))
    scene.clock.advance(by: .seconds(60))
    #expect(isThrottled(try await resume()))
    #expect(service.polls == 1)
    // What is left of it is sat out where --max-wait permits that, and told.
    scene.clock.advance(by: .seconds(86_400 - 3_600))
    #expect(try await resume() == .finished)
    #expect(scene.clock.now() >= wait.until)
    #expect(scene.events.waits.map(\.reason) == Array(repeating: "the service asks to wait", count: 2))
    #expect(try await scene.summary().counts.items(in: .accepted) == 3)
  }

  @Test("a run that was stopped between the steps goes on where it was")
  func resumes() async throws {
    let scene = try await scene(items: 5)
    let service = SteppedService(looking: { _, look in
      look < 40 ? .working(status: "processing") : .done(mediaLength: nil)
    })
    let exit = try await scene.run(module: service) { stopper in
      while service.polled.count < 3 { await Task.yield() }
      stopper.yield(.asked)
    }
    #expect(exit == .paused(.signal, detail: nil))
    #expect(try await scene.summary().counts.items(in: .processing) == 5)
    let heir = try await scene.store.take(scene.session.run, isCancelling: false, at: scene.clock.now())
    #expect(try await scene.run(module: service, of: heir) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 5)
    #expect(service.made(.upload).values.allSatisfy { $0 == 1 })
  }

  /// A way in which one request goes wrong.
  enum Mishap: CaseIterable {
    case takenAndLost, lost, throttled, throttledForLong, refusedOnce
  }

  @Test(
    "whichever request goes wrong, in whichever way, every item is made once in both steps",
    arguments: Mishap.allCases)
  func everyRequest(_ mishap: Mishap) async throws {
    let items = 5
    for number in 0..<2 * items {
      let scene = try await scene(items: items) {
        $0.concurrency = 3
        $0.maxFailures = .items(1_000)
      }
      let count = NIOLockedValueBox(0)
      let service = SteppedService.answering { _, _, _ in
        let place = count.withLockedValue { count in
          count += 1
          return count - 1
        }
        guard place == number else { return .take() }
        switch mishap {
        case .takenAndLost: return .takeAndLose
        case .lost: return .lose
        case .throttled: return .throttle(.seconds(20))
        case .throttledForLong: return .throttle(.seconds(200_000))
        case .refusedOnce: return .refuse("not_ready", isAboutItem: false)
        }
      }
      var exit = try await scene.run(module: service)
      if case .paused(.throttled, _) = exit {
        // A person waits until then.
        scene.clock.advance(by: .seconds(200_000))
        let heir = try await scene.store.take(scene.session.run, isCancelling: false, at: scene.clock.now())
        exit = try await scene.run(module: service, of: heir)
      }
      #expect(exit == .finished, "\(mishap) at request \(number)")
      let counts = try await scene.summary().counts
      let refused = counts.items(in: .rejected)
      #expect(refused <= (mishap == .refusedOnce ? 1 : 0))
      #expect(counts.items(in: .accepted) == items - refused, "\(mishap) at request \(number)")
      #expect(service.made(.upload).values.allSatisfy { $0 == 1 }, "\(mishap) at request \(number)")
      #expect(service.made(.index).values.allSatisfy { $0 == 1 }, "\(mishap) at request \(number)")
      #expect(try await isSound(scene), "\(mishap) at request \(number)")
    }
  }
}
