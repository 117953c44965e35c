import BatchDomain
import Dispatcher
import RunStore
import ServiceHTTP
import StoreCore
import TestSupport
import Testing

@Suite("Settling in a run", .timeLimit(.minutes(10)))
struct SettlingTests {
  @Test("a lost answer of a request that was taken settles as accepted and is not sent again")
  func lostButTaken() async throws {
    let scene = try await RunScene(items: 30) { $0.concurrency = 3 }
    let service = ModelService(clock: scene.clock) { request, _ in
      request == 7 || request == 12 ? .takeAndLose : .after(.milliseconds(200), .accept)
    }
    #expect(try await scene.run(service) == .finished)
    #expect(Set(service.taken.values) == [1])
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .accepted) == 30)
    #expect(summary.attempts == 30)
  }

  @Test("a lost answer of a request that was not taken settles by control and is sent again")
  func lostAndMissing() async throws {
    let scene = try await RunScene(items: 30) { $0.concurrency = 3 }
    let service = ModelService(clock: scene.clock) { request, _ in
      request == 7 ? .lose : .after(.milliseconds(200), .accept)
    }
    #expect(try await scene.run(service) == .finished)
    #expect(Set(service.taken.values) == [1])
    #expect(service.taken.count == 30)
    #expect(try await scene.summary().attempts == 31)
  }

  @Test("a lost chunk is not taken for received because a name that looks the same is listed")
  func namesThatLookAlike() async throws {
    let names = (0..<6).map { "\($0).mp4" }
    let alike = ["a/r\u{E9}sum\u{E9}.mp4", "b/re\u{301}sume\u{301}.mp4"]
    let scene = try await RunScene(
      sources: (names.prefix(1) + alike + names.dropFirst()).map {
        #"{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-north/\#($0)"}"#
      }, chunkSize: 1
    ) { $0.concurrency = 1 }
    let service = ModelService(clock: scene.clock) { request, _ in request == 2 ? .lose : .accept }
    #expect(try await scene.run(service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 8)
    #expect(service.sent.count == 9)
  }

  @Test(
    "with a list that is far behind, tasks of an earlier run of the same file names are no witnesses",
    arguments: [true, false])
  func namesOfAnEarlierRun(isTaken: Bool) async throws {
    func sources(_ folder: String) -> [String] {
      (0..<5).map { PlannedItems.source($0, name: "\(folder)/\($0).mp4") }
    }
    let scene = try await RunScene(sources: sources("a"), chunkSize: 1) { $0.concurrency = 1 }
    // The first request of the second run.
    let service = ModelService(clock: scene.clock, listingLag: .seconds(90)) { request, _ in
      .after(.milliseconds(200), request == 5 ? (isTaken ? .takeAndLose : .breakConnection) : .accept)
    }
    #expect(try await scene.run(service) == .finished)
    // Two looks at the second run then see the first one, and nothing of the second.
    scene.clock.advance(by: .seconds(80))
    var settings = RunSettings()
    settings.concurrency = 1
    let second = try await PlannedItems.plan(
      sources("b"), chunkSize: 1, settings: settings, in: scene.store, at: scene.clock.now(), random: 2)
    #expect(try await scene.run(module: .transfers(service, second), of: second) == .finished)
    #expect(service.taken == Dictionary(uniqueKeysWithValues: (0..<5).map { ("\($0).mp4", 2) }))
    let summary = try await scene.store.summary(of: second.run)
    #expect(summary.counts.items(in: .accepted) == 5)
    #expect(summary.attempts == (isTaken ? 5 : 6))
  }

  @Test(
    "what a gateway may still hold is not sent again before the grace, and found when it comes late",
    arguments: [true, false])
  func heldByGateway(comes: Bool) async throws {
    let scene = try await RunScene(items: 12) {
      $0.concurrency = 2
      $0.settleDelay = .seconds(1)
      $0.settleGrace = .seconds(60)
    }
    let service = ModelService(clock: scene.clock) { request, _ in
      if request == 3 { return comes ? .takeLater(.seconds(50), 504) : .answer(Answer(status: 504)) }
      return .after(.milliseconds(200), .accept)
    }
    let start = scene.clock.now()
    #expect(try await scene.run(service) == .finished)
    #expect(service.taken.count == 12)
    #expect(Set(service.taken.values) == [1])
    #expect(try await scene.summary().attempts == (comes ? 12 : 13))
    if !comes { #expect(scene.clock.now().since(start) >= .seconds(60)) }
  }

  @Test(
    "what a gateway may hold is settled while sending goes on, however many chunks are sent within the grace")
  func heldByGatewayInAFastRun() async throws {
    let scene = try await RunScene(items: 400) {
      $0.concurrency = 2
      $0.settleDelay = .seconds(1)
      $0.settleGrace = .seconds(5)
    }
    // Ten requests a second, and the newest of them are never listed yet.
    let service = ModelService(clock: scene.clock, listingLag: .seconds(3)) { request, _ in
      request == 3 ? .answer(Answer(status: 504)) : .after(.milliseconds(200), .accept)
    }
    #expect(try await scene.run(service) == .finished)
    #expect(Set(service.taken.values) == [1])
    #expect(service.taken.count == 400)
    let settled = try #require(
      scene.events.all.firstIndex { if case .settled = $0 { true } else { false } })
    let accepted = scene.events.all[..<settled].compactMap { event in
      if case .progress(let counts) = event { counts.items(in: .accepted) } else { nil }
    }.last
    #expect(try #require(accepted) < 300)
  }

  @Test("a broken connection needs no grace")
  func brokenWithoutGrace() async throws {
    let scene = try await RunScene(items: 12) {
      $0.concurrency = 2
      $0.settleDelay = .seconds(1)
    }
    let service = ModelService(clock: scene.clock) { request, _ in
      request == 3 ? .breakConnection : .after(.milliseconds(200), .accept)
    }
    let start = scene.clock.now()
    #expect(try await scene.run(service) == .finished)
    #expect(Set(service.taken.values) == [1])
    #expect(scene.clock.now().since(start) < .seconds(30))
  }

  @Test("the last chunk of a run settles by the newest control")
  func lastChunk() async throws {
    let scene = try await RunScene(items: 10) { $0.concurrency = 1 }
    let service = ModelService(clock: scene.clock) { request, _ in request == 9 ? .lose : .accept }
    #expect(try await scene.run(service) == .finished)
    #expect(Set(service.taken.values) == [1])
    #expect(service.taken.count == 10)
  }

  @Test("without any control an absence concludes nothing: the chunk is held")
  func noControl() async throws {
    let scene = try await RunScene(items: 5, chunkSize: 5)
    let service = ModelService(clock: scene.clock) { _, _ in .lose }
    #expect(try await scene.run(service) == .finished)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .unknown) == 5)
    #expect(service.sent.count == 1)
    #expect(scene.events.all.contains { if case .held = $0 { true } else { false } })
  }

  @Test(
    "a listing that lags longer than every look never makes a chunk be sent twice", arguments: [true, false])
  func laggingListing(isTaken: Bool) async throws {
    let scene = try await RunScene(items: 20) { $0.concurrency = 2 }
    let service = ModelService(clock: scene.clock, listingLag: .seconds(86_400)) { request, _ in
      request == 5 ? (isTaken ? .takeAndLose : .lose) : .accept
    }
    #expect(try await scene.run(service) == .finished)
    #expect(try await scene.summary().counts.items(in: .unknown) == 1)
    #expect(service.sent.count == 20)
    #expect(!service.taken.values.contains { $0 > 1 })
  }

  @Test("a listing that is not there holds the chunk")
  func missingListing() async throws {
    let scene = try await RunScene(items: 20)
    let service = ModelService(clock: scene.clock, isListed: false) { request, _ in
      request == 5 ? .lose : .accept
    }
    #expect(try await scene.run(service) == .finished)
    #expect(try await scene.summary().counts.items(in: .unknown) == 1)
    #expect(service.sent.count == 20)
  }

  @Test("--on-unknown hold never asks, resend never waits", arguments: [UnknownPolicy.hold, .resend])
  func policies(policy: UnknownPolicy) async throws {
    let scene = try await RunScene(items: 20) { $0.onUnknown = policy }
    let service = ModelService(clock: scene.clock) { request, _ in request == 5 ? .lose : .accept }
    #expect(try await scene.run(service) == .finished)
    #expect(service.listings == 0)
    #expect(service.sent.count == (policy == .resend ? 21 : 20))
    #expect(try await scene.summary().counts.items(in: .unknown) == (policy == .resend ? 0 : 1))
  }

  @Test("answered attempts that settle as not received are used up at the limit")
  func answeredAttemptsCount() async throws {
    let scene = try await RunScene(items: 30) {
      $0.concurrency = 2
      $0.maxAttempts = 2
      $0.settleDelay = .seconds(1)
    }
    let service = ModelService(clock: scene.clock) { _, names in
      names == ["000005.mp4"]
        ? .answer(Answer(status: 500)) : .after(.milliseconds(600), .accept)
    }
    #expect(try await scene.run(service) == .finished)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .failed) == 1)
    #expect(summary.counts.items(in: .accepted) == 29)
    #expect(service.sent.filter { $0 == ["000005.mp4"] }.count == 2)
  }

  @Test("a run that is asked to stop while it is cancelled and settled sends no further listing")
  func stoppedWhileCancelling() async throws {
    let scene = try await RunScene(items: 12) { $0.settleDelay = .seconds(1) }
    let service = ModelService(
      clock: scene.clock, listingLag: .seconds(86_400), listingTakes: .seconds(20)
    ) { request, _ in request == 3 ? .takeAndLose : .after(.milliseconds(100), .accept) }
    let ending = try await scene.run(service) { stopper in
      await service.waitForListing()
      // What another process asked for stays in the row, and is read again each second.
      _ = try await scene.store.requestCancel(of: scene.session.run)
      stopper.yield(.cancelled)
      stopper.yield(.asked)
    }
    #expect(ending == .cancelled)
    #expect(service.listings == 1)
    #expect(try await scene.summary().counts.items(in: .unknown) == 1)
  }

  @Test("cancelling a run still settles what is unknown")
  func cancelSettles() async throws {
    let scene = try await RunScene(items: 30) { $0.settleDelay = .seconds(2) }
    let service = ModelService(clock: scene.clock) { request, _ in
      request == 3 ? .takeAndLose : .after(.milliseconds(500), .accept)
    }
    let ending = try await scene.run(service) { stopper in
      await service.waitForRequests(6)
      stopper.yield(.cancelled)
    }
    #expect(ending == .cancelled)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .unknown) == 0)
    #expect(summary.counts.items(in: .accepted) == service.taken.count)
  }
}
