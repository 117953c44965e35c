import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Waits that are in force")
struct StandingWaitsTests {
  private func waits(of store: TestStore, at now: Timestamp) async throws -> HealthCheck {
    let checks = await StoreDiagnostics(path: store.path, now: now).checks()
    return try #require(checks.first { $0.subject == .waits })
  }

  @Test("a wait is a problem as long as it holds runs back, named with its end and what ends it")
  func inForce() async throws {
    let store = try await TestStore()
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store.store, at: TestStore.start)
    #expect(try await waits(of: store, at: TestStore.start).status == .ok)
    let end = TestStore.start + .seconds(3_600)
    try await session.remember(
      StoredWait(until: end, reason: "the service asks to wait", length: .seconds(3_600)), of: .transfer)
    let found = try await waits(of: store, at: TestStore.start)
    #expect(found.status == .problem)
    #expect(found.message.contains("until \(end): the service asks to wait"), "\(found.message)")
    #expect(found.remedy?.description.contains("orchestrate resume \(session.run) --ignore-wait") == true)
    #expect(try await waits(of: store, at: end).status == .ok)
    // The clock was put back by a day: what is left is no more than what was asked.
    let before = TestStore.start - .seconds(86_400)
    let later = try await waits(of: store, at: before)
    #expect(later.message.contains("until \(before + .seconds(3_600))"), "\(later.message)")
    #expect(try await store.store.endWaits(holding: session.run, at: TestStore.start)?.until == end)
    #expect(try await waits(of: store, at: TestStore.start).status == .ok)
  }

  @Test("a run is named that can be resumed: one that is paused, else one that is finished")
  func named() async throws {
    let store = try await TestStore()
    func plan(_ number: Int) async throws -> any RunSession {
      try await PlannedItems.plan(
        [PlannedItems.source(number)], chunkSize: 1, in: store.store, at: TestStore.start,
        random: UInt64(number))
    }
    func remedy() async throws -> String {
      try #require(try await waits(of: store, at: TestStore.start).remedy).description
    }
    let (over, paused, sent) = (try await plan(1), try await plan(2), try await plan(3))
    try await sent.remember(
      StoredWait(
        until: TestStore.start + .seconds(3_600), reason: "busy", length: .seconds(3_600)), of: .transfer)
    guard case .chunk(let chunk) = try await over.claim(at: TestStore.start + .seconds(3_600)) else {
      Issue.record("nothing to claim")
      return
    }
    _ = try await over.record(
      AttemptRecord(
        of: chunk, finishedAt: TestStore.start + .seconds(3_600), took: .zero, outcome: .accepted,
        status: 200, code: nil, message: nil, isCounted: false, event: .accepted))
    try await over.release(as: .finished, at: TestStore.start + .seconds(3_600))
    #expect(try await remedy().contains("resume \(over.run) --ignore-wait"))
    try await paused.release(as: .paused(.throttled, detail: nil), at: TestStore.start)
    #expect(try await remedy().contains("resume \(paused.run) --ignore-wait"))
  }

  @Test("one word ends the waits of all budgets of a service, and none of another")
  func ended() async throws {
    let store = try await TestStore()
    var sessions: [any RunSession] = []
    for (number, url) in ["https://a.example.org", "https://b.example.org"].enumerated() {
      var settings = RunSettings()
      settings.baseURL = url
      let session = try await PlannedItems.plan(
        [PlannedItems.source(number)], chunkSize: 1, settings: settings, in: store.store,
        at: TestStore.start, random: UInt64(number))
      for (step, hours) in [(ChunkStep.transfer, 1), (.upload, 2)] {
        let length = Duration.seconds(hours * 3_600)
        try await session.remember(
          StoredWait(until: TestStore.start + length, reason: "busy \(hours)", length: length), of: step)
      }
      sessions.append(session)
    }
    let ended = try await store.store.endWaits(holding: sessions[0].run, at: TestStore.start)
    #expect(ended?.reason == "busy 2")
    let found = try await waits(of: store, at: TestStore.start)
    #expect(
      found.message
        == "nothing is sent to https://b.example.org until \(TestStore.start + .seconds(7_200)): busy 2")
  }

  @Test("of a service's waits the one that ends last counts, and those of other services are counted")
  func longest() async throws {
    let store = try await TestStore()
    for (number, url) in ["https://a.example.org", "https://b.example.org"].enumerated() {
      var settings = RunSettings()
      settings.baseURL = url
      settings.profile = .v1_3
      settings.chunkSize = 1
      let session = try await PlannedItems.plan(
        [PlannedItems.source(number)], chunkSize: 1, settings: settings, in: store.store, at: TestStore.start,
        random: UInt64(number))
      for (step, hours) in [(ChunkStep.upload, 1 + number), (.index, 3 + number)] {
        let length = Duration.seconds(hours * 3_600)
        try await session.remember(
          StoredWait(until: TestStore.start + length, reason: "busy \(hours)", length: length), of: step)
      }
    }
    let found = try await waits(of: store, at: TestStore.start)
    let end = TestStore.start + .seconds(4 * 3_600)
    #expect(
      found.message == "nothing is sent to https://b.example.org until \(end): busy 4 (and 1 more)")
  }
}
