import Testing

@testable import TransferSimulator

struct TransferModelTests {
  private func model(_ configure: (inout SimulatorConfiguration) -> Void) -> TransferModel {
    var configuration = SimulatorConfiguration()
    configure(&configuration)
    return TransferModel(configuration)
  }

  private func everything(_ model: TransferModel) -> [TaskView] {
    var query = TaskQuery()
    query.limit = 1000
    query.isDescending = false
    return model.list(query).rows
  }

  @Test func identifiersAreTheSameForTheSameSeedWhateverTheOrder() {
    let keys = Probe.keys((0..<100).map { "\($0).mp4" })
    let first = model { $0.seed = 1 }
    let second = model { $0.seed = 1 }
    let third = model { $0.seed = 2 }
    _ = first.submit(keys)
    for key in keys.reversed() { _ = second.submit([key]) }
    _ = third.submit(keys)
    let ids = Set(everything(first).map(\.task.id))
    #expect(ids == Set(everything(second).map(\.task.id)))
    #expect(ids.isDisjoint(with: everything(third).map(\.task.id)))
    #expect(ids.count == 100)
    #expect(ids.allSatisfy { $0.wholeMatch(of: /[0-9a-f]{24}/) != nil })
  }

  @Test func repeatsAreSkippedOrTakenAsTasksOfTheirOwn() {
    for takesRepeats in [false, true] {
      let model = model { $0.takesRepeats = takesRepeats }
      let keys = Probe.keys(["1", "2"])
      #expect(model.submit(keys) == .taken(accepted: 2, skipped: 0))
      #expect(
        model.submit(keys) == .taken(accepted: takesRepeats ? 2 : 0, skipped: takesRepeats ? 0 : 2))
      let tasks = everything(model).map(\.task)
      #expect(tasks.count == (takesRepeats ? 4 : 2) && Set(tasks.map(\.id)).count == tasks.count)
    }
  }

  @Test(arguments: [
    (SimulatorProfile.v1, [TransferTask.Status.validating, .pending, .indexing, .ready]),
    (.v1_2, [.validating, .pending, .queued, .indexing, .ready]),
  ])
  func statesFollowTheClock(profile: SimulatorProfile, expected: [TransferTask.Status]) throws {
    let clock = ManualSimulatorClock()
    let model = model {
      $0.profile = profile
      $0.clock = clock
      $0.taskStep = .seconds(1)
    }
    _ = model.submit(Probe.keys(["1"]))
    var seen: [TransferTask.Status] = []
    for _ in 0..<expected.count {
      let view = try #require(everything(model).first)
      #expect(view.updatedAt == clock.now)
      seen.append(view.status)
      clock.advance(by: .seconds(1))
    }
    #expect(seen == expected)
  }

  @Test func shareOfTasksFails() {
    let model = model {
      $0.failedShare = 0.25
      $0.taskStep = .zero
    }
    _ = model.submit(Probe.keys((0..<1000).map { "\($0)" }))
    let counts = model.counts(indexID: Probe.index)
    #expect((200...300).contains(counts[.failed] ?? 0))
    #expect((counts[.failed] ?? 0) + (counts[.ready] ?? 0) == 1000)
  }

  @Test func filenameIsTheLastSegment() {
    let model = model { _ in }
    _ = model.submit([ElementKey(indexID: "i", object: "s3://b/deep/er/name with space.mp4")])
    #expect(everything(model).map(\.filename) == ["name with space.mp4"])
  }
}
