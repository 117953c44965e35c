import Testing

@testable import TransferSimulator

@Suite(.timeLimit(.minutes(10)))
struct EndpointTests {
  @Test(arguments: [SimulatorProfile.v1, .v1_1])
  func earlyProfilesAnswerTransfersWithJSON(profile: SimulatorProfile) async throws {
    try await Probe.run {
      $0.profile = profile
    } _: { (probe: Probe) async throws in
      let reply = try await probe.transfer(["01.mp4", "02.mp4"])
      #expect(reply.status == 200)
      #expect(
        reply.body == #"{"message":"Succesfully requested indexing task","type":"index_task_create"}"#)
      #expect(reply.header("Date")?.hasSuffix("GMT") == true)
      #expect(probe.server.model.taskCount == 2)
    }
  }

  @Test func lastProfileAnswersTransfersWithoutBody() async throws {
    try await Probe.run {
      $0.profile = .v1_2
    } _: { (probe: Probe) async throws in
      let reply = try await probe.transfer(["01.mp4"])
      #expect(reply.status == 204)
      #expect(reply.body.isEmpty)
      #expect(reply.header("Content-Length") == nil)
      #expect(reply.header("Date") != nil)
    }
  }

  @Test func wrongKeyIsAnsweredWithTheKeyAndKeptOutOfTheLedger() async throws {
    try await Probe.run { (probe: Probe) async throws in
      let reply = try await probe.transfer(["01.mp4"], key: "wrong-key")
      #expect(reply.status == 401)
      #expect(reply.json["error_code"] as? String == "api_key_invalid")
      #expect(reply.body.contains("wrong-key"))
      #expect(try await probe.transfer(["01.mp4"], key: nil).status == 401)
      #expect(try await probe.list().status == 200)
      let entries = probe.server.ledger.entries
      #expect(entries.map(\.keyMatched) == [false, false, true])
      #expect(!entries.contains { $0.headers.values.contains { $0.hasSuffix("-key") } })
      #expect(probe.server.model.taskCount == 0)
    }
  }

  @Test func anyKeyWillDoWhenNoneIsConfigured() async throws {
    try await Probe.run {
      $0.apiKey = nil
    } _: { (probe: Probe) async throws in
      #expect(try await probe.transfer(["01.mp4"], key: "whatever").status == 200)
      #expect(try await probe.transfer(["01.mp4"], key: nil).status == 401)
    }
  }

  @Test(arguments: [
    (SimulatorProfile.v1, "/v1.2/tasks/transfers", "error_code", "api_upgrade_required"),
    (.v1_2, "/v1/indexes/tasks/transfers", "code", "api_upgrade_required"),
    (.v1, "/v1/nothing", "error_code", "endpoint_not_found"),
  ])
  func unknownPathsAre404(profile: SimulatorProfile, path: String, name: String, code: String) async throws {
    try await Probe.run {
      $0.profile = profile
    } _: { (probe: Probe) async throws in
      let reply = try await probe.send(.POST, path, body: "x")
      #expect(reply.status == 404)
      #expect(reply.json[name] as? String == code)
    }
  }

  @Test func wrongMethodIs405() async throws {
    try await Probe.run { (probe: Probe) async throws in
      #expect(try await probe.get(probe.profile.transfersPath).status == 405)
    }
  }

  @Test(arguments: [(SimulatorProfile.v1, 100), (.v1_1, 50), (.v1_2, 50)])
  func pageLimitHasTheMaximumOfTheProfile(profile: SimulatorProfile, maximum: Int) async throws {
    try await Probe.run {
      $0.profile = profile
    } _: { (probe: Probe) async throws in
      #expect(try await probe.list("page_limit=\(maximum)").status == 200)
      #expect(try await probe.list("page_limit=\(maximum + 1)").status == 400)
      #expect(try await probe.list("page=0").status == 400)
      #expect(try await probe.list("sort_by=name").status == 400)
      #expect(try await probe.list("sort_option=up").status == 400)
    }
  }

  @Test func aTaskIsCreatedFromAQueryStyleFormToo() async throws {
    try await Probe.run { (probe: Probe) async throws in
      let reply = try await probe.send(
        .POST, probe.profile.tasksPath, type: "application/x-www-form-urlencoded",
        body: "index_id=\(Probe.index)&language=en&video_url=https%3A%2F%2Fexample.com%2Fv%2Fone.mp4")
      #expect(reply.status == 200)
      #expect(try await probe.list().texts("_id") == [reply.json["_id"] as? String])
    }
  }

  @Test func singleTaskShowsItsStateAndVideo() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.taskStep = .seconds(10)
    } _: { (probe: Probe) async throws in
      _ = try await probe.transfer(["01.mp4"])
      let id = try #require(try await probe.list().texts("_id").first)
      let path = "\(probe.profile.tasksPath)/\(id)"
      #expect(try await probe.get(path).json["status"] as? String == "validating")
      #expect(try await probe.get("\(path)/video-id").json["exist"] as? Bool == false)
      clock.advance(by: .seconds(21))
      let indexing = try await probe.get(path).json
      #expect(indexing["status"] as? String == "indexing")
      #expect((indexing["process"] as? [String: Int]) == ["percentage": 10, "remain_seconds": 9])
      clock.advance(by: .seconds(10))
      let ready = try await probe.get(path).json
      #expect(ready["status"] as? String == "ready")
      #expect(ready["type"] as? String == "index_task_info")
      let video = try await probe.get("\(path)/video-id").json
      #expect(video["_id"] as? String == ready["video_id"] as? String)
      #expect(try await probe.get(probe.profile.tasksPath + "/000000000000000000000000").status == 404)
    }
  }

  @Test func countsAndDeletionExistInTheLastProfile() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.profile = .v1_2
      $0.clock = clock
      $0.taskStep = .seconds(10)
    } _: { (probe: Probe) async throws in
      _ = try await probe.transfer(["01.mp4", "02.mp4"])
      let path = "/v1.2/tasks/status"
      #expect(try await probe.get(path).status == 400)
      let early = try await probe.get("\(path)?index_id=\(Probe.index)").json
      #expect(early["validating"] as? Int == 2)
      #expect(early["total_result"] as? Int == 2)
      let id = try #require(try await probe.list().texts("_id").first)
      #expect(
        try await probe.send(.DELETE, "/v1.2/tasks/\(id)").json["code"] as? String == "task_cannot_be_deleted"
      )
      clock.advance(by: .seconds(40))
      #expect(try await probe.send(.DELETE, "/v1.2/tasks/\(id)").status == 204)
      #expect(try await probe.send(.DELETE, "/v1.2/tasks/\(id)").status == 404)
      #expect(try await probe.get("\(path)?index_id=\(Probe.index)").json["ready"] as? Int == 1)
    }
  }

  @Test(arguments: SimulatorProfile.allCases)
  func singleTasksCanBeCreated(profile: SimulatorProfile) async throws {
    try await Probe.run {
      $0.profile = profile
    } _: { (probe: Probe) async throws in
      let fields = [
        "index_id": Probe.index, "language": "en", "video_url": "https://a.example/b/clip.mp4?x=1",
      ]
      let body =
        fields.map { "--edge\r\nContent-Disposition: form-data; name=\($0.key)\r\n\r\n\($0.value)\r\n" }
        .joined() + "--edge--"
      let reply = try await probe.send(
        .POST, profile.tasksPath, type: "multipart/form-data; boundary=\"edge\"", body: body)
      #expect(reply.status == 200)
      #expect((reply.json["type"] != nil) == (profile == .v1))
      let rows = try await probe.list("_id=\(reply.json["_id"] as? String ?? "")").rows
      #expect((rows.first?["metadata"] as? [String: Any])?["filename"] as? String == "clip.mp4")
      #expect(try await probe.send(.POST, profile.tasksPath, body: "x").status == 400)
      #expect(try await probe.get(profile.indexesPath).texts("_id") == [Probe.index])
    }
  }
}
