import BatchDomain
import NIOConcurrencyHelpers
import ServiceHTTP
import TestSupport
import Testing

@testable import Dispatcher
@testable import RunStore
@testable import StoreCore

@Suite("A store in trouble", .timeLimit(.minutes(10)))
struct StoreTroubleTests {
  /// How far clocks are set back.
  private static let jump: Duration = .seconds(86_400)
  /// What a run may take that no such jump holds up. The scene's clock goes on while a slow machine works, so this is far more
  /// than the run needs, and far less than the jump.
  private static let unhurried: Duration = .seconds(43_200)

  /// Another program's connection that holds the database, let go of from wherever the trouble is told.
  ///
  /// `@unchecked Sendable`: the connection is touched under the lock only.
  private final class Holder: @unchecked Sendable {
    private let lock = NIOLock()
    private let connection: Connection
    private var isHolding = false

    init(_ path: String) throws {
      connection = try Connection(path: path, mode: .readWrite, busyTimeout: .seconds(10))
    }

    func hold() throws {
      try lock.withLock {
        try connection.run("BEGIN IMMEDIATE")
        isHolding = true
      }
    }

    func letGo() {
      lock.withLock {
        // Each sender tells of the trouble.
        guard isHolding else { return }
        isHolding = false
        do { try connection.run("COMMIT") } catch { Issue.record(error) }
      }
    }
  }

  private static func isTrouble(_ event: RunEvent) -> Bool {
    if case .storeTrouble = event { true } else { false }
  }

  @Test("locked for a moment: nothing new is sent meanwhile, nothing is lost, and the run finishes")
  func lockedForAMoment() async throws {
    let scene = try await TroubledScene(items: 400)
    let holder = try Holder(scene.store.path)
    let sentWhileHeld = NIOLockedValueBox<[Int]>([])
    let (requests, sentBefore) = (NIOLockedValueBox(0), NIOLockedValueBox(0))
    let service = ModelService(clock: scene.clock) { request, _ in
      requests.withLockedValue { $0 += 1 }
      if request == 20 {
        do { try holder.hold() } catch { Issue.record(error) }
        // Others were sent while the lock was waited for.
        sentBefore.withLockedValue { $0 = requests.withLockedValue { $0 } }
      }
      return .accept
    }
    let ending = try await scene.resume(service) { event in
      guard Self.isTrouble(event) else { return }
      sentWhileHeld.withLockedValue { $0.append(service.sent.count) }
      holder.letGo()
    }
    #expect(ending == .finished)
    #expect(scene.timesTaken(service) == [1])
    // What was claimed before the lock was there may still leave, at most one request per sender.
    let sent = try #require(sentWhileHeld.withLockedValue { $0 }.first)
    let before = sentBefore.withLockedValue { $0 }
    #expect((before...before + 4).contains(sent), "\(sent) after \(before)")
    #expect(try await scene.problems() == [])
  }

  @Test("locked for ever: the run is given up with the reason, and goes on later without a loss")
  func lockedForEver() async throws {
    let scene = try await TroubledScene(items: 400)
    let holder = try Holder(scene.store.path)
    let (requests, sentBefore) = (NIOLockedValueBox(0), NIOLockedValueBox(0))
    let service = ModelService(clock: scene.clock) { request, _ in
      requests.withLockedValue { $0 += 1 }
      if request == 20 {
        do { try holder.hold() } catch { Issue.record(error) }
        // Others were sent while the lock was waited for.
        sentBefore.withLockedValue { $0 = requests.withLockedValue { $0 } }
      }
      return .accept
    }
    let start = scene.clock.elapsed()
    let error = await #expect(throws: StoreError.self) { try await scene.resume(service) }
    #expect(error?.code == .locked)
    #expect(error?.message.contains(scene.store.path) == true)
    #expect(error?.remedy?.description.contains("another program") == true)
    #expect(scene.clock.elapsed() - start >= .seconds(45))
    let before = sentBefore.withLockedValue { $0 }
    #expect((before...before + 4).contains(service.sent.count), "\(service.sent.count) after \(before)")
    holder.letGo()
    try await scene.die()
    #expect(try await scene.resume(service) == .finished)
    #expect(scene.timesTaken(service) == [1])
    #expect(try await scene.problems() == [])
  }

  @Test("full for ever: the run is given up with the reason, and goes on later without a loss")
  func full() async throws {
    let scene = try await TroubledScene(items: 200)
    let service = ModelService(clock: scene.clock)
    try await scene.setFull(true)
    let error = await #expect(throws: StoreError.self) { try await scene.resume(service) }
    #expect(error?.code == .full)
    #expect(error?.remedy?.description.contains("free space") == true)
    #expect((1..<200).contains(service.sent.count), "\(service.sent.count)")
    try await scene.setFull(false)
    try await scene.die()
    #expect(try await scene.resume(service) == .finished)
    #expect(scene.timesTaken(service) == [1])
    #expect(try await scene.problems() == [])
  }

  @Test("a clock that jumps back in the middle loses nothing and sends nothing twice")
  func clockJumpsBack() async throws {
    let scene = try await TroubledScene(items: 40)
    let start = scene.clock.now()
    let service = ModelService(clock: scene.clock) { request, _ in
      if request == 20 { scene.clock.setNow(start - Self.jump) }
      return request == 10 ? .takeAndLose : .accept
    }
    let ending = try await scene.resume(service)
    #expect(ending == .finished)
    #expect(scene.clock.elapsed() < Self.unhurried, "\(scene.clock.elapsed())")
    #expect(service.taken.values.allSatisfy { $0 == 1 })
    // What was lost may stay undecided: without a common clock its absence proves nothing, its presence all.
    let counts = try await scene.store.summary(of: scene.run).counts
    #expect(counts.items(in: .accepted, .unknown) == 40)
    #expect(counts.items(in: .accepted) >= 39)
    #expect(try await scene.problems() == [])
    #expect(try await scene.resume(service) == .finished)
    #expect(service.taken.values.allSatisfy { $0 == 1 })
    #expect(try await scene.problems() == [])
  }

  @Test("a clock set back during a wait makes the wait no longer")
  func waitAcrossAJump() async throws {
    let scene = try await TroubledScene(items: 8)
    let start = scene.clock.now()
    let service = ModelService(clock: scene.clock) { request, _ in
      guard request == 3 else { return .accept }
      return .answer(Answer(status: 429, code: "too_many_requests", wait: .seconds(60)))
    }
    let hasJumped = NIOLockedValueBox(false)
    let ending = try await scene.resume(service) { event in
      guard case .waiting = event,
        hasJumped.withLockedValue({ had in
          defer { had = true }; return !had
        })
      else { return }
      scene.clock.setNow(start - Self.jump)
    }
    #expect(ending == .finished)
    #expect(scene.timesTaken(service) == [1])
    #expect(scene.clock.elapsed() < Self.unhurried, "\(scene.clock.elapsed())")
    #expect(try await scene.problems() == [])
  }

  @Test("a back-off of a few seconds stays one when the clock is set back a day", arguments: [true, false])
  func backOffAcrossAJump(isOutage: Bool) async throws {
    let scene = try await TroubledScene(items: 8)
    let service = ModelService(clock: scene.clock) { request, names in
      // So many in a row that nothing gets through, whatever the concurrency.
      if isOutage { return (3..<30).contains(request) ? .refuseConnection : .accept }
      // One chunk does not get through while others do: it waits for its own next try.
      return names == ["000003.mp4"] && request < 8 ? .refuseConnection : .accept
    }
    let ending = try await scene.resume(service) { event in
      // After each: the last back-off of an outage is the one that counts.
      if case .setback = event { scene.clock.setNow(scene.clock.now() - Self.jump) }
    }
    #expect(ending == .finished)
    #expect(scene.timesTaken(service) == [1])
    #expect(scene.clock.elapsed() < Self.unhurried, "\(scene.clock.elapsed())")
    #expect(try await scene.problems() == [])
  }
}
