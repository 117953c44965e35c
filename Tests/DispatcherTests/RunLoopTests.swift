import BatchDomain
import Dispatcher
import RunStore
import ServiceHTTP
import StoreCore
import TestSupport
import Testing

@Suite("Run loop", .timeLimit(.minutes(10)))
struct RunLoopTests {
  @Test("everything is sent once, the first request alone, and never more than the concurrency at a time")
  func plain() async throws {
    let scene = try await RunScene(items: 40) { $0.concurrency = 5 }
    let service = ModelService(clock: scene.clock) { _, _ in .after(.seconds(20), .accept) }
    #expect(try await scene.run(service) == .finished)
    #expect(service.taken.count == 40)
    #expect(Set(service.taken.values) == [1])
    #expect(service.maxInFlight == 5)
    let summary = try await scene.summary()
    #expect(summary.state == .finished)
    #expect(summary.counts.items(in: .accepted) == 40)
    #expect(summary.attempts == 40)
    #expect(scene.events.all.contains { if case .firstAccepted = $0 { true } else { false } })
  }

  @Test("an account fault at the first request costs one request and pauses, spending no attempt")
  func accountFault() async throws {
    let scene = try await RunScene { $0.concurrency = 8 }
    let service = ModelService(clock: scene.clock) { _, _ in
      .answer(Answer(status: 400, code: "insufficient_funds", message: "no credit"))
    }
    let ending = try await scene.run(service)
    guard case .paused(.account, let detail) = ending else {
      Issue.record("ended \(ending)")
      return
    }
    #expect(detail?.contains("insufficient_funds") == true)
    #expect(service.sent.count == 1)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .pending) == 20)
    #expect(summary.reason == .account)
  }

  @Test("an account fault in the middle is seen by at most as many requests as are in flight")
  func accountFaultLater() async throws {
    let scene = try await RunScene(items: 60) { $0.concurrency = 4 }
    let service = ModelService(clock: scene.clock) { request, _ in
      .after(.milliseconds(200), request < 20 ? .accept : .answer(Answer(status: 401)))
    }
    let ending = try await scene.run(service)
    guard case .paused(.account, _) = ending else {
      Issue.record("ended \(ending)")
      return
    }
    #expect(service.sent.count <= 24)
    #expect(try await scene.summary().counts.items(in: .pending) == 40)
  }

  @Test("a redirect pauses with the address and the profile")
  func endpointFault() async throws {
    let scene = try await RunScene()
    let service = ModelService(clock: scene.clock) { _, _ in .answer(Answer(status: 307)) }
    guard case .paused(.endpoint, let detail?) = try await scene.run(service) else {
      Issue.record("not paused for the endpoint")
      return
    }
    #expect(detail.contains("https://api.twelvelabs.io/v1/indexes/tasks/transfers"))
    #expect(detail.contains("v1"))
  }

  @Test("an index that is gone pauses when it is the only one left, else refuses the chunk")
  func indexFault() async throws {
    let gone = Answer(status: 400, code: "resource_not_exist")
    let scene = try await RunScene()
    let service = ModelService(clock: scene.clock) { _, _ in .answer(gone) }
    guard case .paused(.index, _) = try await scene.run(service) else {
      Issue.record("not paused for the index")
      return
    }
    #expect(service.sent.count == 1)
    #expect(try await scene.summary().counts.items(in: .pending) == 20)
  }

  @Test("throttling waits as long as the service asks, on disk, and spends no attempt")
  func throttled() async throws {
    let scene = try await RunScene(items: 10) { $0.concurrency = 3 }
    let service = ModelService(clock: scene.clock) { request, _ in
      request == 4 ? .answer(Answer(status: 429, wait: .seconds(90))) : .accept
    }
    let start = scene.clock.now()
    #expect(try await scene.run(service) == .finished)
    #expect(scene.clock.now().since(start) >= .seconds(90))
    #expect(Set(service.taken.values) == [1])
    #expect(scene.events.waits.contains { $0.reason == "the service asks to wait" })
    #expect(try await scene.session.standing().waits[.transfer] != nil)
  }

  @Test("a wait that is asked for in a success holds the run back, on disk, and the chunk is unknown")
  func throttledInASuccess() async throws {
    let scene = try await RunScene(items: 10) { $0.concurrency = 3 }
    let answer = Answer(
      status: 200, code: "too_many_requests", message: "slow down", body: .json, wait: .seconds(90))
    let start = scene.clock.now()
    let service = ModelService(clock: scene.clock) { request, _ in request == 4 ? .answer(answer) : .accept }
    #expect(try await scene.run(service) == .finished)
    #expect(scene.clock.now().since(start) >= .seconds(90))
    #expect(service.taken.count == 10)
    #expect(Set(service.taken.values) == [1])
    #expect(scene.events.waits.contains { $0.reason == "the service asks to wait" })
    #expect(try await scene.session.standing().waits[.transfer]?.length == .seconds(90))
  }

  @Test("a wait longer than --max-wait pauses with the time to resume at")
  func waitTooLong() async throws {
    let scene = try await RunScene { $0.maxWait = .seconds(60) }
    let service = ModelService(clock: scene.clock) { request, _ in
      request == 2 ? .answer(Answer(status: 429, wait: .seconds(3_600))) : .accept
    }
    guard case .paused(.throttled, let detail?) = try await scene.run(service) else {
      Issue.record("not paused")
      return
    }
    let wait = try #require(try await scene.summary().wait)
    #expect(detail.contains(wait.until.description))
  }

  @Test("content that is refused is rejected with the service's own code and message")
  func content() async throws {
    let scene = try await RunScene(items: 20, chunkSize: 5)
    let service = ModelService(clock: scene.clock) { _, names in
      names.contains("000007.mp4")
        ? .answer(Answer(status: 400, code: "parameter_invalid", message: "bad object")) : .accept
    }
    #expect(try await scene.run(service) == .finished)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .rejected) == 1)
    #expect(summary.counts.items(in: .accepted) == 19)
    let causes = try await scene.store.causes(of: scene.session.run)
    #expect(causes.map(\.code) == ["parameter_invalid"])
    #expect(causes.map(\.message) == ["bad object"])
  }

  @Test("an outage costs its own length and nothing else")
  func outage() async throws {
    let scene = try await RunScene(items: 30) {
      $0.concurrency = 4
      $0.maxAttempts = 2
    }
    let start = scene.clock.now()
    let service = ModelService(clock: scene.clock) { request, _ in
      let passed = scene.clock.now().since(start)
      return passed > .seconds(2) && passed < .seconds(3_600)
        ? .refuseConnection : .after(.milliseconds(300), .accept)
    }
    #expect(try await scene.run(service) == .finished)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .accepted) == 30)
    #expect(Set(service.taken.values) == [1])
    #expect(scene.clock.now().since(start) > .seconds(3_600))
  }

  @Test("an outage longer than --max-wait pauses as unreachable")
  func unreachable() async throws {
    let scene = try await RunScene { $0.maxWait = .seconds(600) }
    let service = ModelService(clock: scene.clock) { _, _ in .refuseConnection }
    guard case .paused(.unreachable, _) = try await scene.run(service) else {
      Issue.record("not paused")
      return
    }
    #expect(try await scene.summary().counts.items(in: .pending) == 20)
  }

  @Test("a chunk that is never processed while others are is failed after its counted attempts")
  func exhausted() async throws {
    let scene = try await RunScene(items: 60) {
      $0.concurrency = 2
      $0.maxAttempts = 2
    }
    let events = scene.events
    let service = ModelService(clock: scene.clock) { request, names in
      // Another chunk is accepted while each of the two attempts is under way: the last one hangs until the second.
      switch names {
      case ["000005.mp4"]:
        .when({ _ in await events.waitForAccepted(request < 60 ? 8 : 59) }, .refuseConnection)
      case ["000059.mp4"]: .when({ await $0.waitForRequests(61) }, .accept)
      default: .accept
      }
    }
    #expect(try await scene.run(service) == .finished)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .accepted) == 59)
    #expect(summary.counts.items(in: .failed) == 1)
    #expect(service.sent.count { $0 == ["000005.mp4"] } == 2)
  }

  @Test("the last chunk, with no other to tell an outage by, is pending at the pause, not failed")
  func lastAlone() async throws {
    let scene = try await RunScene(items: 3) {
      $0.maxAttempts = 3
      $0.maxWait = .seconds(600)
    }
    let service = ModelService(clock: scene.clock) { _, names in
      names == ["000002.mp4"] ? .after(.milliseconds(900), .refuseConnection) : .accept
    }
    guard case .paused(.unreachable, _) = try await scene.run(service) else {
      Issue.record("not paused")
      return
    }
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .accepted) == 2)
    #expect(summary.counts.items(in: .pending) == 1)
  }

  @Test("more losses than --max-failures pause the run")
  func failureThreshold() async throws {
    let scene = try await RunScene(items: 100) { $0.maxFailures = .items(3) }
    let service = ModelService(clock: scene.clock) { request, _ in
      request % 2 == 1 ? .answer(Answer(status: 400)) : .accept
    }
    guard case .paused(.failures, _) = try await scene.run(service) else {
      Issue.record("not paused")
      return
    }
    #expect(try await scene.summary().counts.items(in: .rejected) >= 4)
    #expect(service.sent.count < 20)
  }

  @Test("rate limits hold in every window")
  func rates() async throws {
    let scene = try await RunScene(items: 25) {
      $0.concurrency = 10
      $0.rates = [Rate(count: 5, window: .second), Rate(count: 8, window: .minute)]
    }
    let service = ModelService(clock: scene.clock)
    let start = scene.clock.now()
    #expect(try await scene.run(service) == .finished)
    #expect(scene.clock.now().since(start) >= .seconds(180))
    #expect(service.taken.count == 25)
  }

  @Test("asked to stop, no new request leaves and those under way are waited for")
  func drain() async throws {
    let scene = try await RunScene(items: 50) { $0.concurrency = 4 }
    let service = ModelService(clock: scene.clock) { _, _ in .after(.seconds(5), .accept) }
    let ending = try await scene.run(service) { stopper in
      await service.waitForRequests(5)
      stopper.yield(.asked)
    }
    #expect(ending == .paused(.signal, detail: nil))
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .submitting) == 0)
    #expect(summary.counts.items(in: .unknown) == 0)
    #expect(summary.counts.items(in: .accepted) == service.taken.count)
    #expect(service.taken.count < 12)
  }

  @Test("asked through the store to cancel, what is pending is given up and the rest is waited for")
  func cancel() async throws {
    let scene = try await RunScene(items: 50) { $0.concurrency = 2 }
    let service = ModelService(clock: scene.clock) { _, _ in .after(.seconds(2), .accept) }
    let ending = try await scene.run(service) { _ in
      await service.waitForRequests(3)
      _ = try await scene.store.requestCancel(of: scene.session.run)
    }
    #expect(ending == .cancelled)
    let summary = try await scene.summary()
    #expect(summary.state == .cancelled)
    #expect(summary.counts.items(in: .accepted) == service.taken.count)
    #expect(summary.counts.items(in: .cancelled) == 50 - service.taken.count)
  }

  @Test("an acceptance that stands is counted, also when the chunk after it is damaged")
  func damagedNext() async throws {
    let scene = try await RunScene(items: 3) { $0.concurrency = 1 }
    let service = ModelService(clock: scene.clock) { request, _ in
      do {
        if request == 0 {
          try Raw.execute(
            "UPDATE item_block SET sources = replace(sources, 's3', 'S3') WHERE position = (1 << 40) + 1",
            in: scene.store.path)
        }
      } catch {
        Issue.record(error)
      }
      return .accept
    }
    await #expect { _ = try await scene.run(service) } throws: { ($0 as? StoreError)?.code == .damaged }
    let accepted = scene.events.all.compactMap { event in
      if case .firstAccepted(let counts) = event { counts.items(in: .accepted) } else { nil as Int? }
    }
    #expect(accepted == [1])
    #expect(try await scene.summary().counts.items(in: .accepted) == 1)
    #expect(try await scene.summary().counts.items(in: .submitting) == 0)
  }
}
