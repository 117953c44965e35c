import Foundation
import TestSupport
import Testing
import TransferSimulator

/// The real program, night after night with the same bucket.
@Suite("Only what is new")
struct NewOnlyTests {
  private func item(_ number: Int, content: Int = 0) -> String {
    let more = content == 0 ? "" : #", "transcription": "s3://bucket/\#(content).srt""#
    return
      #"{"index_id": "\#(Scene.index)", "language": "en", "object": "s3://bucket/\#(number).mp4"\#(more)}"#
  }

  private func run(_ text: String) throws -> [String: Any] {
    try #require(try json(text)["run"] as? [String: Any])
  }

  @Test("a list that grew sends what is new, and one without anything new is finished with 0")
  func listThatGrew() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let first = try scene.folder.write((0..<30).map { item($0) }.joined(separator: "\n"), to: "first.jsonl")
    #expect(try await scene.submit(first).status == 0)
    // Reordered, respelled, grown.
    let list =
      "[\n" + (0..<40).reversed().map { item($0).replacing(": ", with: " :  ") }.joined(separator: ",\n")
      + "]"
    let second = try scene.folder.write(list, to: "second.json")
    let dry = try await scene.submit(second, "--new-only", "--dry-run", "--format", "json")
    let plan = try #require(
      try json(dry.output)["plan"] as? [String: Any])
    #expect(plan["items"] as? Int == 10)
    #expect(plan["skipped"] as? Int == 30)
    for expected in [(items: 10, skipped: 30), (items: 0, skipped: 40)] {
      let result = try await scene.submit(second, "--new-only", "--format", "json")
      #expect(result.status == 0, "\(result.diagnostics)")
      let run = try run(result.output)
      #expect(run["items"] as? Int == expected.items)
      #expect(run["skipped"] as? Int == expected.skipped)
      #expect(run["state"] as? String == "finished")
      #expect(result.diagnostics.contains("\(expected.skipped) items skipped, accepted earlier"))
    }
    let report = try await scene.orchestrate("report", "latest")
    #expect(report.output.contains("nothing new, 40 items skipped"), "\(report.output)")
    #expect(report.output.contains("40 items skipped, accepted earlier: 10 in run"), "\(report.output)")
    #expect(scene.server.ledger.acceptedCounts.count == 40)
    #expect(Set(scene.server.ledger.acceptedCounts.values) == [1])
    // Whoever insists gets all of it sent.
    let again = try await scene.submit(second, "--new-only", "--again", "--format", "json")
    #expect(try run(again.output)["skipped"] as? Int == 0)
    #expect(try run(again.output)["items"] as? Int == 40)
    await scene.server.stop()
  }

  @Test("items of a run that is not finished are skipped, and it is named with the command that goes on")
  func open() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let manifest = try scene.folder.write((0..<30).map { item($0) }.joined(separator: "\n"), to: "list.jsonl")
    let killed = try await OrchestrateProcess.run(
      ["submit", manifest] + scene.here + ["--chunk-size", "10", "--concurrency", "1"],
      environment: scene.environment.merging(["ORCHESTRATE_KILL_AT": "after_send:2"]) { $1 })
    #expect(killed.status == 128 + SIGKILL)
    let result = try await scene.submit(manifest, "--new-only", "--format", "json")
    #expect(result.status == 0, "\(result.diagnostics)")
    #expect(try run(result.output)["skipped"] as? Int == 30)
    #expect(result.diagnostics.contains("10 items skipped, accepted earlier"), "\(result.diagnostics)")
    #expect(result.diagnostics.contains("20 items skipped, still open"), "\(result.diagnostics)")
    #expect(result.diagnostics.contains("orchestrate resume "), "\(result.diagnostics)")
    await scene.server.stop()
  }

  @Test("a run that died while it was planned is planned again by resume, with what is new only")
  func plannedAgain() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let first = try scene.folder.write((0..<20).map { item($0) }.joined(separator: "\n"), to: "first.jsonl")
    #expect(try await scene.submit(first).status == 0)
    let second = try scene.folder.write((0..<25).map { item($0) }.joined(separator: "\n"), to: "second.jsonl")
    let killed = try await OrchestrateProcess.run(
      ["submit", second, "--new-only"] + scene.here,
      environment: scene.environment.merging(["ORCHESTRATE_KILL_AT": "in_planning:1"]) { $1 })
    #expect(killed.status == 128 + SIGKILL)
    let resumed = try await scene.orchestrate("resume", "latest", "--format", "json")
    #expect(resumed.status == 0, "\(resumed.diagnostics)")
    #expect(try run(resumed.output)["items"] as? Int == 5)
    #expect(try run(resumed.output)["skipped"] as? Int == 20)
    #expect(try await scene.orchestrate("verify", "latest").status == 0)
    #expect(Set(scene.server.ledger.acceptedCounts.values) == [1])
    await scene.server.stop()
  }

  @Test("a run without anything new tells whoever is told how runs end, and its records are sound")
  func nothingNewIsTold() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let manifest = try scene.folder.write((0..<5).map { item($0) }.joined(separator: "\n"), to: "list.jsonl")
    #expect(try await scene.submit(manifest).status == 0)
    let told = scene.folder.file("told.txt")
    let result = try await scene.submit(
      manifest, "--new-only", "--notify-command", #"["sh", "-c", "cat > '\#(told)'"]"#)
    #expect(result.status == 0, "\(result.diagnostics)")
    let notice = try String(contentsOfFile: told, encoding: .utf8)
    #expect(notice.contains("finished: nothing new, 5 items skipped"), "\(notice)")
    #expect(try await scene.orchestrate("verify", "latest").status == 0)
    await scene.server.stop()
  }

  @Test("a changed item is sent with a finding, which --strict does not refuse")
  func changed() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let first = try scene.folder.write((0..<5).map { item($0) }.joined(separator: "\n"), to: "first.jsonl")
    #expect(try await scene.submit(first).status == 0)
    let second = try scene.folder.write(
      (0..<5).map { item($0, content: $0 == 3 ? 1 : 0) }.joined(separator: "\n"), to: "second.jsonl")
    let dry = try await scene.submit(second, "--new-only", "--strict", "--dry-run", "--format", "json")
    let findings = try #require(
      try json(dry.output)["findings"] as? [[String: Any]])
    #expect(findings.count == 1)
    #expect(findings.first?["item"] as? Int == 3)
    #expect((findings.first?["message"] as? String)?.contains("s3://bucket/3.mp4") == true)
    let result = try await scene.submit(second, "--new-only", "--strict", "--format", "json")
    #expect(result.status == 0, "\(result.diagnostics)")
    #expect(result.diagnostics.contains("s3://bucket/3.mp4"), "\(result.diagnostics)")
    #expect(try run(result.output)["items"] as? Int == 1)
    await scene.server.stop()
  }

  @Test("diff counts what is added, removed, changed and unchanged, and lists it as a manifest")
  func difference() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let first = try scene.folder.write((0..<6).map { item($0) }.joined(separator: "\n"), to: "first.jsonl")
    let second = try scene.folder.write(
      (2..<9).map { item($0, content: $0 == 3 ? 1 : 0) }.joined(separator: "\n"), to: "second.jsonl")
    func diff(_ arguments: String...) async throws -> OrchestrateProcess.Ending {
      let result = try await OrchestrateProcess.run(
        ["diff"] + arguments, environment: scene.environment)
      #expect(result.status == 0, "\(result.diagnostics)")
      return result
    }
    // Before there is a database, everything is new.
    let none = try json(try await diff(second, "--format", "json").output)
    #expect(none["added"] as? Int == 7)
    #expect(try await scene.submit(first).status == 0)
    let address = ["--base-url", scene.server.address]
    let all = try json(
      try await OrchestrateProcess.run(
        ["diff", second, "--format", "json"] + address, environment: scene.environment
      ).output)
    #expect(all["run_id"] is NSNull)
    #expect(["added", "removed", "changed", "unchanged"].map { all[$0] as? Int } == [3, 0, 1, 3])
    let latest = try json(try await diff(second, "latest", "--format", "json").output)
    #expect(["added", "removed", "changed", "unchanged"].map { latest[$0] as? Int } == [3, 2, 1, 3])
    let samples = try #require(latest["samples"] as? [String: [String]])
    #expect(samples["added"] == (6..<9).map { "s3://bucket/\($0).mp4" })
    #expect(samples["removed"] == ["s3://bucket/0.mp4", "s3://bucket/1.mp4"])
    #expect(samples["changed"] == ["s3://bucket/3.mp4"])
    #expect(
      try await diff(second, "latest", "--list", "added").output == "[\n"
        + (6..<9).map { item($0) }.joined(separator: ",\n") + "\n]\n")
    #expect(try await diff(second, "latest", "--list", "removed").output == "[\n\(item(0)),\n\(item(1))\n]\n")
    #expect(try await diff(second, "latest", "--list", "changed").output == "[\n\(item(3, content: 1))\n]\n")
    #expect(try await diff(first, "latest", "--list", "removed").output == "[]\n")
    #expect(
      try await diff(second, "latest").output.contains("2 removed: s3://bucket/0.mp4, s3://bucket/1.mp4"))
    let unreadable = try await OrchestrateProcess.run(
      ["diff", try scene.folder.write("{", to: "bad.json")], environment: scene.environment)
    #expect(unreadable.status == 2)
    await scene.server.stop()
  }

  /// Moments of a night at which the process dies.
  static let moments = [
    "in_planning:1", "before_intent:3", "after_intent:2", "after_send:2", "after_answer:2",
    "before_recording:3",
    "in_indexing:1",
  ]

  @Test("nights of a bucket that grows, shrinks and is reordered, each killed once", arguments: moments)
  func nights(moment: String) async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let random = SeededRandom(seed: UInt64(moment.utf8.reduce(0) { $0 + Int($1) }))
    var sent: Set<Int> = []
    for night in 0..<4 {
      let numbers = Set((0..<60 + 40 * night).filter { _ in random.next() % 4 != 0 })
      let order = numbers.sorted { ($0 * 37 + night * 11) % 211 < ($1 * 37 + night * 11) % 211 }
      let list =
        "["
        + order.map { item($0).replacing(": ", with: night % 2 == 0 ? ":" : " : ") }.joined(separator: ",\n")
        + "]"
      let manifest = try scene.folder.write(list, to: "night-\(night).json")
      let arguments =
        ["submit", manifest, "--new-only"] + scene.here + ["--chunk-size", "5", "--concurrency", "2"]
      let killed = try await OrchestrateProcess.run(
        arguments, environment: scene.environment.merging(["ORCHESTRATE_KILL_AT": moment]) { $1 })
      #expect([0, 128 + SIGKILL].contains(killed.status), "\(killed.diagnostics)")
      // The list comes again before anybody resumes: nothing of it is sent twice, nothing of it is lost.
      let again = try await OrchestrateProcess.run(
        arguments + ["--format", "json"], environment: scene.environment)
      #expect(again.status == 0, "\(again.diagnostics)")
      let history = try await scene.orchestrate("report", "--format", "json")
      let runs = try #require(
        try json(history.output)["runs"] as? [[String: Any]])
      // A run that died while it was planned has sent nothing; its items were planned by the next.
      for run in runs where run["state"] as? String == "paused" {
        let resumed = try await scene.orchestrate("resume", try #require(run["run_id"] as? String))
        #expect(resumed.status == 0, "\(resumed.diagnostics)\n\(resumed.output)")
      }
      sent.formUnion(numbers)
      let taken = scene.server.ledger.acceptedCounts
      #expect(taken.count == sent.count, "night \(night): \(moment)")
      #expect(Set(taken.values) == [1], "night \(night): \(moment)")
    }
    await scene.server.stop()
  }
}
