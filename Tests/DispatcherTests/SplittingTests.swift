import BatchDomain
import Dispatcher
import RunStore
import ServiceHTTP
import StoreCore
import TestSupport
import Testing

@Suite("Splitting in a run", .timeLimit(.minutes(10)))
struct SplittingTests {
  static let refusal = Answer(status: 400, code: "parameter_invalid", message: "object is not valid")

  static func isBad(_ names: [String], _ bad: Set<Int>) -> Bool {
    names.contains { name in bad.contains(Int(name.dropLast(4)) ?? -1) }
  }

  /// How often each number of items was sent in one request.
  func sizes(_ service: ModelService) -> [Int: Int] {
    service.sent.reduce(into: [:]) { $0[$1.count, default: 0] += 1 }
  }

  @Test(
    "a refused chunk is divided until its bad items stand alone, within the bound",
    arguments: [[5], [0, 15], [3, 4, 30]])
  func bisect(bad: [Int]) async throws {
    let scene = try await RunScene(items: 64, chunkSize: 16) { $0.concurrency = 2 }
    let service = ModelService(clock: scene.clock) { _, names in
      Self.isBad(names, Set(bad)) ? .answer(Self.refusal) : .accept
    }
    #expect(try await scene.run(service) == .finished)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .rejected) == bad.count)
    #expect(summary.counts.items(in: .accepted) == 64 - bad.count)
    #expect(Set(service.taken.values) == [1])
    #expect(try await rejected(scene) == bad.map { $0..<$0 + 1 })
    // Four chunks; each refused one is divided four times at most.
    var levels = 0
    while bad.count << levels < 64 { levels += 1 }
    #expect(service.sent.count <= 2 * bad.count * (levels + 1) + 4)
  }

  func rejected(_ scene: RunScene) async throws -> [Range<Int>] {
    try await scene.store.chunks(of: scene.session.run, after: nil, limit: 1_000)
      .filter { $0.state == .rejected }.map { $0.firstItem..<$0.firstItem + $0.itemCount }
      .sorted { $0.lowerBound < $1.lowerBound }
  }

  @Test("a run of one chunk that is refused is divided although nothing was accepted before")
  func onlyChunk() async throws {
    let scene = try await RunScene(items: 16, chunkSize: 16)
    let service = ModelService(clock: scene.clock) { _, names in
      Self.isBad(names, [6]) ? .answer(Self.refusal) : .accept
    }
    #expect(try await scene.run(service) == .finished)
    #expect(try await rejected(scene) == [6..<7])
    #expect(try await scene.summary().counts.items(in: .accepted) == 15)
    #expect(service.sent.count <= 10)
    // It was looked up before it was divided, and once more when there was a control.
    #expect(scene.events.all.count { if case .settled = $0 { true } else { false } } == 2)
    #expect(service.sent.last != service.sent.first)
  }

  @Test("without --bisect a refused chunk is rejected as a whole")
  func noBisect() async throws {
    let scene = try await RunScene(items: 32, chunkSize: 16) {
      $0.bisect = false
      $0.maxFailures = .percent(100)
    }
    let service = ModelService(clock: scene.clock) { _, names in
      Self.isBad(names, [6]) ? .answer(Self.refusal) : .accept
    }
    #expect(try await scene.run(service) == .finished)
    #expect(try await rejected(scene) == [0..<16])
    #expect(service.sent.count == 2)
  }

  @Test("where every item is bad, eight single refusals speak for the rest of a chunk")
  func allBad() async throws {
    let scene = try await RunScene(items: 64, chunkSize: 64) {
      $0.concurrency = 1
      $0.maxFailures = .percent(100)
    }
    let service = ModelService(clock: scene.clock) { _, _ in .answer(Self.refusal) }
    #expect(try await scene.run(service) == .finished)
    #expect(try await scene.summary().counts.items(in: .rejected) == 64)
    #expect(sizes(service)[1] == 8)
    #expect(service.sent.count < 24)
  }

  @Test("a manifest of which every chunk is refused is paused long before its end")
  func threshold() async throws {
    let scene = try await RunScene(items: 2_000, chunkSize: 10) { $0.maxFailures = .items(50) }
    let service = ModelService(clock: scene.clock) { _, _ in .answer(Self.refusal) }
    let ending = try await scene.run(service)
    guard case .paused(.failures, _) = ending else {
      Issue.record("ended \(ending)")
      return
    }
    #expect(service.sent.count < 150)
    // As long as it was not known what a refusal means, no more were collected than may be under way.
    #expect(service.sent.prefix(5).count { $0.count == 10 } == 4)
  }

  @Test("413 is divided by size until it passes")
  func tooLarge() async throws {
    let scene = try await RunScene(items: 32, chunkSize: 16)
    let service = ModelService(clock: scene.clock) { _, names in
      names.count > 4 ? .answer(Answer(status: 413)) : .accept
    }
    #expect(try await scene.run(service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 32)
    #expect(Set(service.taken.values) == [1])
    #expect(sizes(service) == [16: 2, 8: 4, 4: 8])
  }

  @Test("a refusal that took a part is found out, and nothing is sent twice")
  func partlyTakenRefusal() async throws {
    let scene = try await RunScene(items: 48, chunkSize: 8) { $0.concurrency = 2 }
    let bad: Set = [5, 20, 21]
    let service = ModelService(clock: scene.clock) { _, names in
      guard Self.isBad(names, bad) else { return .accept }
      let good = names.firstIndex { Self.isBad([$0], bad) } ?? 0
      return .takeSome(good, Self.refusal)
    }
    #expect(try await scene.run(service) == .finished)
    let summary = try await scene.summary()
    #expect(try await rejected(scene) == bad.sorted().map { $0..<$0 + 1 })
    #expect(summary.counts.items(in: .accepted) == 45)
    #expect(Set(service.taken.values) == [1])
    #expect(service.taken.count == 45)
  }

  @Test("a lost answer of a request that was taken in part is split into what is there and what is not")
  func partialSighting() async throws {
    let scene = try await RunScene(items: 40, chunkSize: 8) { $0.concurrency = 2 }
    let service = ModelService(clock: scene.clock) { request, _ in
      request == 2 ? .takeSomeAndLose(3) : .after(.milliseconds(300), .accept)
    }
    #expect(try await scene.run(service) == .finished)
    #expect(Set(service.taken.values) == [1])
    #expect(service.taken.count == 40)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .accepted) == 40)
    #expect(summary.counts.chunks(in: .split) == 1)
    #expect(sizes(service) == [8: 5, 5: 1])
  }

  @Test("one element that makes the service fail does not fail its neighbours")
  func crashingElement() async throws {
    let scene = try await RunScene(items: 64, chunkSize: 16) {
      $0.concurrency = 2
      $0.maxAttempts = 3
      $0.settleDelay = .seconds(1)
    }
    let service = ModelService(clock: scene.clock) { _, names in
      Self.isBad(names, [21]) ? .answer(Answer(status: 500)) : .after(.milliseconds(100), .accept)
    }
    #expect(try await scene.run(service) == .finished)
    let summary = try await scene.summary()
    #expect(summary.counts.items(in: .failed) == 1)
    #expect(summary.counts.items(in: .accepted) == 63)
    #expect(Set(service.taken.values) == [1])
  }

  @Test("file names that clash are told apart by counting", arguments: [true, false])
  func clashingNames(isTaken: Bool) async throws {
    // Items 0 and 1, 2 and 3, ... stand in two folders and have one name each.
    let items = (0..<24).map { PlannedItems.source($0, name: "\($0 % 2)/\($0 / 2).mp4") }
    let scene = try await RunScene(sources: items, chunkSize: 1) { $0.concurrency = 1 }
    let service = ModelService(clock: scene.clock) { request, _ in
      request == 9 ? (isTaken ? .takeAndLose : .lose) : .after(.milliseconds(300), .accept)
    }
    #expect(try await scene.run(service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 24)
    #expect(service.sent.count == (isTaken ? 24 : 25))
    #expect(service.taken.values.allSatisfy { $0 == 2 })
  }

  @Test("two lost answers of one name of which one was taken cannot be told apart and are held")
  func undecidableClash() async throws {
    let items = (0..<24).map { PlannedItems.source($0, name: "\($0 % 2)/\($0 / 2).mp4") }
    let scene = try await RunScene(sources: items, chunkSize: 1) { $0.concurrency = 1 }
    let service = ModelService(clock: scene.clock) { request, _ in
      switch request {
      case 8: .takeAndLose
      case 9: .lose
      default: .after(.milliseconds(300), .accept)
      }
    }
    #expect(try await scene.run(service) == .finished)
    #expect(try await scene.summary().counts.items(in: .unknown) == 2)
    #expect(service.sent.count == 24)
  }
}
