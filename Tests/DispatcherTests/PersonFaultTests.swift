import BatchDomain
import NIOConcurrencyHelpers
import RunStore
import ServiceHTTP
import StoreCore
import TestSupport
import Testing
import TransfersService

@testable import Dispatcher

/// What only a person can put right stops the run at once, and every sentence about an outage names its cause.
@Suite("Faults for a person", .timeLimit(.minutes(10)))
struct PersonFaultTests {
  @Test(
    "a refused password and a bad certificate cost one request",
    arguments: ["proxy_unauthorized", "certificate", "certificate_expired", "certificate_host"])
  func oneTry(code: String) async throws {
    let scene = try await RunScene { $0.concurrency = 4 }
    let service = ModelService(clock: scene.clock) { _, _ in .fail(code) }
    let ending = try await scene.run(service)
    #expect(ending == .paused(.endpoint, detail: "because of \(code) (\(code))"))
    #expect(service.sent.count == 1)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .pending) == 20)
    #expect(summary.reason == .endpoint)
  }

  @Test("a name that cannot be resolved from the start is tried three times, within seconds")
  func neverResolved() async throws {
    let scene = try await RunScene { $0.concurrency = 4 }
    let service = ModelService(clock: scene.clock) { _, _ in .fail("dns") }
    let start = scene.clock.now()
    guard case .paused(.endpoint, let detail?) = try await scene.run(service) else {
      Issue.record("not paused for the endpoint")
      return
    }
    #expect(detail == "because of dns (dns), in 3 tries and never before in this run")
    #expect(service.sent.count == 3)
    #expect(scene.clock.now().since(start) < .seconds(10))
  }

  @Test("a name that was resolved before is an outage, also for the next process")
  func resolvedBefore() async throws {
    let scene = try await RunScene(items: 20) {
      $0.concurrency = 1
      $0.maxWait = .seconds(120)
    }
    let service = ModelService(clock: scene.clock) { request, _ in request < 5 ? .accept : .fail("dns") }
    guard case .paused(.unreachable, let detail?) = try await scene.run(service) else {
      Issue.record("not paused as unreachable")
      return
    }
    #expect(service.sent.count > 8)
    #expect(detail.contains("nothing got through since"))
    #expect(detail.contains(": because of dns (dns)"))
    #expect(
      scene.events.waits.contains {
        $0.reason == "nothing gets through to the service: because of dns (dns)"
      })
  }

  @Test("an address whose name was never resolved is tried three times, whatever another one answered")
  func neverResolvedAtThisAddress() async throws {
    let scene = try await TroubledScene(items: 20)
    func resume(at address: String, _ reply: @escaping @Sendable (Int) -> ModelService.Reply) async throws
      -> (RunExit, requests: Int)
    {
      var settings = try await scene.store.settings(of: scene.run)
      settings.baseURL = address
      settings.concurrency = 1
      settings.maxWait = .seconds(120)
      try await scene.store.change(settings, of: scene.run)
      let service = ModelService(clock: scene.clock) { request, _ in reply(request) }
      return (try await scene.resume(service), service.sent.count)
    }
    let right = "https://api.example.com/v1"
    let known = try await resume(at: right) { $0 < 3 ? .accept : .answer(Answer(status: 401)) }
    #expect(known.requests == 4)
    // However often it is resumed with the wrong one.
    for _ in 0..<2 {
      let (ending, requests) = try await resume(at: "https://api.exmaple.com/v1") { _ in .fail("dns") }
      #expect(
        ending
          == .paused(.endpoint, detail: "because of dns (dns), in 3 tries and never before in this run"))
      #expect(requests == 3)
    }
    // The first one was resolved before, whatever was tried since: that it cannot be is an outage.
    guard case (.paused(.unreachable, _), _) = try await resume(at: right, { _ in .fail("dns") }) else {
      Issue.record("not paused as unreachable")
      return
    }
  }

  @Test("an error in a success pauses the run, and the chunk is neither accepted nor sent again")
  func errorInSuccess() async throws {
    let scene = try await RunScene(items: 20) { $0.concurrency = 1 }
    let answer = Answer(status: 200, code: "usage_limit_exceeded", message: "no more", body: .json)
    let service = ModelService(clock: scene.clock) { request, _ in request < 3 ? .accept : .answer(answer) }
    guard case .paused(.account, let detail?) = try await scene.run(service) else {
      Issue.record("not paused for the account")
      return
    }
    #expect(detail.contains("usage_limit_exceeded"))
    let counts = try await scene.summary().counts
    #expect(counts.items(in: .accepted) == 3)
    #expect(counts.items(in: .unknown) == 1)
    #expect(service.sent.count == 4)
  }

  @Test("a page that calls requests too large is obeyed down to single items, which it cannot refuse")
  func tooLargePage() async throws {
    let scene = try await RunScene(items: 8, chunkSize: 8) { $0.concurrency = 1 }
    let page = Answer(status: 413, message: "an HTML page", body: .page)
    let service = ModelService(clock: scene.clock) { _, names in names.count > 2 ? .answer(page) : .accept }
    #expect(try await scene.run(service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 8)

    let never = try await RunScene(items: 4, chunkSize: 4) { $0.concurrency = 1 }
    let refusing = ModelService(clock: never.clock) { _, _ in .answer(page) }
    guard case .paused(.endpoint, _) = try await never.run(refusing) else {
      Issue.record("not paused for the endpoint")
      return
    }
    #expect(try await never.summary().counts.items(in: .rejected) == 0)
  }

  @Test("a limit on open files spends no attempt and bounds what is in flight")
  func openFiles() async throws {
    let scene = try await RunScene(items: 120) {
      $0.concurrency = 16
      $0.maxAttempts = 1
    }
    let service = RoomyService(
      ModelService(clock: scene.clock) { _, _ in .accept }, room: 5, clock: scene.clock)
    #expect(try await scene.run(service) == .finished)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .accepted) == 120)
    #expect(summary.attempts < 160, "\(summary.attempts)")
  }
}

/// A service for a process that can have only so many connections.
private final class RoomyService: TransfersAPI {
  let model: ModelService
  private let room: Int
  private let clock: ManualClock
  private let inFlight = NIOLockedValueBox(0)

  init(_ model: ModelService, room: Int, clock: ManualClock) {
    self.model = model
    self.room = room
    self.clock = clock
  }

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> {
    let fits = inFlight.withLockedValue { count in
      count += 1
      return count <= room
    }
    defer { inFlight.withLockedValue { $0 -= 1 } }
    guard fits else {
      return .failure(
        TransportFailure(progress: .notWritten, code: "open_files", message: "too many open files"))
    }
    do {
      try await clock.sleep(for: .seconds(2))
    } catch {
      return .failure(TransportFailure(progress: .maybeWritten, code: "cancelled", message: "cancelled"))
    }
    return await model.submit(unit)
  }

  func task(_ id: String) async throws(ListingFailure) -> TaskRow { try await model.task(id) }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    try await model.listTasks(index: index, page: page)
  }
}
