import Drill
import Foundation
import TestSupport
import Testing

@Suite("drill", .timeLimit(.minutes(10)))
struct DrillTests {
  private static let counts = [
    "runs", "items", "kills", "full_disks", "lost_answers", "lost", "duplicated", "undecided", "unfinished",
    "inconsistent", "surplus", "unreported",
  ]

  /// Plays a short drill in a folder of its own.
  private func drill(
    _ folder: TemporaryFolder, _ arguments: String...
  ) async throws -> (ending: OrchestrateProcess.Ending, drill: [String: Any]) {
    let ending = try await OrchestrateProcess.run(
      ["drill", "--minutes", "0.05", "--seed", "3", "--format", "json"] + arguments,
      environment: ["ORCHESTRATE_DB": folder.file("state/store.db")])
    return (ending, try json(ending.output)["drill"] as? [String: Any] ?? [:])
  }

  @Test("kills, lost answers and a full disk lose nothing and send nothing twice, and nothing is left behind")
  func madeUp() async throws {
    let folder = try TemporaryFolder()
    let (ending, drill) = try await drill(folder, "--profile", "v1")
    #expect(ending.status == 0, "\(ending.diagnostics)\(ending.output)")
    #expect(Self.counts.allSatisfy { drill[$0] is Int }, "\(drill)")
    #expect(drill["seed"] as? Int == 3 && drill["profile"] as? String == "v1")
    #expect(drill["items"] as? Int == 2_000 && drill["runs"] as? Int == 1)
    #expect((drill["kills"] as? Int ?? 0) > 0)
    #expect(drill["lost"] as? Int == 0 && drill["duplicated"] as? Int == 0)
    #expect(["image", "memory", "file_limit"].contains(drill["disk"] as? String))
    #expect((drill["kept"] as? [Any])?.isEmpty == true)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("state"))
    #expect(left.isEmpty, "\(left)")
    // Nothing was recorded where runs are.
    #expect(!FileManager.default.fileExists(atPath: folder.file("state/store.db")))
  }

  @Test("a manifest of one's own is sent, whatever its names are, through both steps of profile v1.3")
  func manifest() async throws {
    let folder = try TemporaryFolder()
    let names = ["a b+c.mp4", "ü/é.mp4", "x%20y.mp4", "d//e&f=g.mp4", "h?i#j.mp4", "k.mp4"]
    let lines = (names + [names[0]]).map {
      #"{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://one-bucket/\#($0)"}"# + "\n"
    }
    let file = try folder.write(lines.joined(), to: "videos.jsonl")
    let (ending, drill) = try await drill(folder, "--profile", "v1.3", "--manifest", file)
    #expect(ending.status == 0, "\(ending.diagnostics)\(ending.output)")
    let runs = try #require(drill["runs"] as? Int)
    #expect(drill["items"] as? Int == names.count * runs)
    #expect(drill["lost"] as? Int == 0 && drill["undecided"] as? Int == 0)
  }

  @Test("a manifest that is none, or has nothing to send, is refused before anything is played")
  func refused() async throws {
    let folder = try TemporaryFolder()
    for text in ["[]", "{", #"[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"a"}]"#] {
      let (ending, _) = try await drill(folder, "--manifest", try folder.write(text, to: "m.json"))
      #expect(ending.status == 2, "\(text): \(ending.diagnostics)")
    }
    let wrong = try await OrchestrateProcess.run(["drill", "--minutes", "none"])
    #expect(wrong.status == 64)
  }

  @Test("a signal ends it with what was counted so far, and leaves nothing running and nothing behind")
  func stopped() async throws {
    let folder = try TemporaryFolder()
    let process = try OrchestrateProcess(
      ["drill", "--minutes", "60", "--profile", "v1"],
      environment: ["ORCHESTRATE_DB": folder.file("store.db")])
    await process.says("drill: in ")
    process.send(SIGTERM)
    let ended = await process.ended()
    #expect(ended.status == 3, "\(ended.diagnostics)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  /// Without this the drill could be blind.
  @Test("a program that sends lost answers again without asking is found out")
  func blindness() async throws {
    let folder = try TemporaryFolder()
    let program = try folder.write(
      """
      #!/bin/sh
      case $1 in submit) set -- "$@" --on-unknown resend ;; esac
      exec '\(OrchestrateProcess.products.appendingPathComponent("orchestrate").path)' "$@"
      """, to: "hasty")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program)
    let played = try await CrashRun.play(
      program, profile: .v1_3, items: DrillItems(count: 200), in: URL(fileURLWithPath: folder.path),
      troubles: CrashRun.Troubles(kills: 4), seed: 1)
    #expect(played.score.duplicated + played.score.surplus > 0, "\(played.score)")
    #expect(played.score.isDamaged == (played.kept != nil))
  }
}
