import Testing

@testable import TransferSimulator

@Suite(.timeLimit(.minutes(10)))
struct ListingTests {
  private func names(_ reply: Probe.Reply) -> [String] {
    reply.rows.compactMap { ($0["metadata"] as? [String: Any])?["filename"] as? String }
  }

  @Test func pagesAreNewestFirstUnlessAskedOtherwise() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
    } _: { (probe: Probe) async throws in
      for number in 1...5 {
        _ = try await probe.transfer(["\(number)"])
        clock.advance(by: .seconds(60))
      }
      #expect(names(try await probe.list("page_limit=2")) == ["5", "4"])
      #expect(names(try await probe.list("page_limit=2&page=3")) == ["1"])
      #expect(names(try await probe.list("page_limit=2&page=4")) == [])
      #expect(names(try await probe.list("page_limit=2&sort_option=asc")) == ["1", "2"])
      let info = try await probe.list("page_limit=2&page=2").json["page_info"] as? [String: Int]
      #expect(info == ["limit_per_page": 2, "page": 2, "total_page": 3, "total_results": 5])
      #expect(names(try await probe.list("sort_by=updated_at&sort_option=asc&page_limit=1")) == ["1"])
      #expect(names(try await probe.list("filename=3")) == ["3"])
      #expect(names(try await probe.list("index_id=none")) == [])
      #expect(names(try await probe.list("index_id=\(Probe.index)&status=ready")).count == 5)
      #expect(names(try await probe.list("status=failed&status=validating")) == [])
      let reply = try await probe.list("page_limit=1")
      #expect(reply.texts("created_at") == ["2023-11-14T22:17:20Z"])
      #expect(reply.json["type"] as? String == "index_task_list")
    }
  }

  @Test func taskAppearsOnlyAfterTheLag() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.listingLag = .seconds(30)
    } _: { (probe: Probe) async throws in
      _ = try await probe.transfer(["1"])
      clock.advance(by: .seconds(29))
      _ = try await probe.transfer(["2"])
      #expect(names(try await probe.list()) == [])
      clock.advance(by: .seconds(1))
      #expect(names(try await probe.list("index_id=\(Probe.index)")) == ["1"])
      clock.advance(by: .seconds(29))
      #expect(names(try await probe.list()) == ["2", "1"])
      probe.server.model.setListingLag(.seconds(3600))
      #expect(names(try await probe.list()) == [])
    }
  }

  @Test(arguments: [(ListingMode.fails, 500), (.missing, 404)])
  func listingCanBeBroken(mode: ListingMode, status: Int) async throws {
    try await Probe.run {
      $0.listingModes = [mode]
    } _: { (probe: Probe) async throws in
      #expect(try await probe.list().status == status)
      probe.server.model.setListingModes([])
      #expect(try await probe.list().status == 200)
    }
  }

  @Test func rowsShiftWhileTheyAreRead() async throws {
    try await Probe.run {
      $0.listingModes = [.shifting]
    } _: { (probe: Probe) async throws in
      _ = try await probe.transfer(["1", "2", "3"])
      #expect(names(try await probe.list("page_limit=2")) == ["3", "2"])
      #expect(names(try await probe.list("page_limit=2&page=2")) == ["2", "1"])
      #expect(names(try await probe.list("page_limit=2")) == ["intruder-2.mp4", "intruder-1.mp4"])
    }
  }

  @Test func rowsRepeatBetweenPagesAndNoneIsLost() async throws {
    try await Probe.run {
      $0.listingModes = [.repeating]
    } _: { (probe: Probe) async throws in
      _ = try await probe.transfer(["1", "2", "3", "4"])
      let pages = try await [
        names(probe.list("page_limit=2")), names(probe.list("page_limit=2&page=2")),
        names(probe.list("page_limit=2&page=3")), names(probe.list("page_limit=2&page=4")),
        names(probe.list("page_limit=2&page=5")),
      ]
      #expect(pages == [["4", "3"], ["3", "2"], ["2", "1"], ["1"], []])
    }
  }

  @Test func totalsCanBeZeroAndNamesUUIDs() async throws {
    try await Probe.run {
      $0.listingModes = [.zeroTotals, .uuidFilenames]
    } _: { (probe: Probe) async throws in
      _ = try await probe.transfer(["1"])
      let reply = try await probe.list()
      #expect(
        reply.json["page_info"] as? [String: Int]
          == ["limit_per_page": 10, "page": 0, "total_page": 0, "total_results": 0])
      #expect(names(reply)[0].wholeMatch(of: /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/) != nil)
    }
  }

  @Test func timesCanBeOffsetAndVaried() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.createdAtOffset = .seconds(2 * 3600)
      $0.listingModes = [.variedTimes]
    } _: { (probe: Probe) async throws in
      _ = try await probe.transfer((0..<50).map { "\($0)" })
      let spellings = Set(try await probe.list("page_limit=50").texts("created_at"))
      #expect(
        spellings == [
          "2023-11-15T00:13:20Z", "2023-11-15T00:13:20.000000Z", "2023-11-15T09:13:20.000000+09:00",
          "2023-11-15T00:13:20",
        ])
    }
  }
}
