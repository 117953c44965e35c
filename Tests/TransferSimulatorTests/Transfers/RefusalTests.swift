import Testing

@testable import TransferSimulator

@Suite(.timeLimit(.minutes(10)))
struct RefusalTests {
  @Test(arguments: [
    ("{}", "parameter_invalid"),
    ("[]", "parameter_invalid"),
    ("[1]", "parameter_invalid"),
    ("not json", "parameter_invalid"),
    (#"[{"language":"en","object":"s3://a/b"}]"#, "parameter_not_provided"),
    (#"[{"index_id":"i","object":"s3://a/b"}]"#, "parameter_not_provided"),
    (#"[{"index_id":"i","language":"en"}]"#, "parameter_not_provided"),
    (#"[{"index_id":"i","language":"en","object":7}]"#, "parameter_invalid"),
    (#"[{"index_id":"i","language":"en","object":"s3://a/b","transcription":7}]"#, "parameter_invalid"),
  ])
  func badContentIs400(content: String, code: String) async throws {
    try await Probe.run { (probe: Probe) async throws in
      let reply = try await probe.transfer(content: content)
      #expect(reply.status == 400)
      #expect(reply.json["error_code"] as? String == code)
      #expect(probe.server.model.taskCount == 0)
    }
  }

  @Test func absentTranscriptionMayBeMissingNullOrEmpty() async throws {
    try await Probe.run { (probe: Probe) async throws in
      let ends = ["", #","transcription":null"#, #","transcription":"""#]
      let elements = ends.enumerated().map {
        #"{"index_id":"i","language":"en","object":"s3://a/\#($0)"\#($1)}"#
      }
      #expect(try await probe.transfer(content: "[" + elements.joined(separator: ",") + "]").status == 200)
      #expect(probe.server.model.taskCount == 3)
    }
  }

  @Test func bodyMustBeMultipartWithAFilePart() async throws {
    try await Probe.run { (probe: Probe) async throws in
      let path = probe.profile.transfersPath
      let plain = try await probe.send(.POST, path, type: "application/json", body: Probe.file(["1"]))
      #expect(plain.json["error_code"] as? String == "parameter_invalid")
      let other = try await probe.send(
        .POST, path, type: "multipart/form-data; boundary=edge",
        body: Probe.form(Probe.file(["1"]), name: "video"))
      #expect(other.json["error_code"] as? String == "parameter_not_provided")
      let cut = try await probe.send(
        .POST, path, type: "multipart/form-data; boundary=edge",
        body: String(Probe.form(Probe.file(["1"])).dropLast(6)))
      #expect(cut.status == 400)
    }
  }

  @Test func longBodyIs413() async throws {
    try await Probe.run {
      $0.maximumBody = 100
    } _: { (probe: Probe) async throws in
      #expect(try await probe.transfer(["01.mp4"]).status == 413)
      #expect(probe.server.ledger.entries[0].status == 413)
    }
  }

  @Test func poisonRefusesTheWholeRequest() async throws {
    try await Probe.run {
      $0.poisonedObjects = [Probe.object("bad.mp4")]
    } _: { (probe: Probe) async throws in
      for name in ["poison.mp4", "bad.mp4"] {
        let reply = try await probe.transfer(["01.mp4", name, "02.mp4"])
        #expect(reply.status == 400)
        #expect(reply.json["error_code"] as? String == "parameter_invalid")
      }
      #expect(probe.server.model.taskCount == 0)
      #expect(probe.server.ledger.acceptedCounts.isEmpty)
    }
  }

  @Test func elementsBeforePoisonCanBeTaken() async throws {
    try await Probe.run {
      $0.takesElementsBeforePoison = true
    } _: { (probe: Probe) async throws in
      #expect(try await probe.transfer(["01.mp4", "poison.mp4", "02.mp4"]).status == 400)
      #expect(probe.server.model.acceptedElements == Set(Probe.keys(["01.mp4"])))
      #expect(probe.server.ledger.acceptedCounts == [Probe.keys(["01.mp4"])[0]: 1])
      #expect(probe.server.ledger.entries[0].isTaken)
    }
  }

  @Test func crashIs500AndGoneIndexIs400() async throws {
    try await Probe.run {
      $0.goneIndexes = ["gone"]
    } _: { (probe: Probe) async throws in
      #expect(try await probe.transfer(["01.mp4", "crash.mp4"]).status == 500)
      let reply = try await probe.transfer(["01.mp4"], index: "gone")
      #expect(reply.status == 400)
      #expect(reply.json["error_code"] as? String == "resource_not_exist")
      #expect(probe.server.model.taskCount == 0)
    }
  }
}
