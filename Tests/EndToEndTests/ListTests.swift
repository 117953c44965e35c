import BatchDomain
import Foundation
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

@Suite("Listing with the real program", .timeLimit(.minutes(10)))
struct ListTests {
  private static let keys = [
    "AWS_ACCESS_KEY_ID": SimulatedCredentials.example.accessKeyID,
    "AWS_SECRET_ACCESS_KEY": SimulatedCredentials.example.secret, "AWS_EC2_METADATA_DISABLED": "true",
  ]

  /// A service with a bucket of 2,500 videos with odd names, every other with subtitles, and objects that are no items.
  private func scene(_ faults: [FaultRule] = []) async throws -> Scene {
    try await Scene {
      var bucket = SyntheticBucket(
        "media-west", count: 2_500,
        objects: [
          SyntheticBucket.Object("videos/", content: []),
          SyntheticBucket.Object("videos/empty.mp4", content: []),
          SyntheticBucket.Object("videos/notes.txt"),
          SyntheticBucket.Object("videos/cold.mp4", storageClass: "DEEP_ARCHIVE"),
          SyntheticBucket.Object("videos/instant.mp4", storageClass: "GLACIER_IR"),
          SyntheticBucket.Object("videos/large.MOV", size: 5 << 30), SyntheticBucket.Object("zoo/last.webm"),
          SyntheticBucket.Object(key: Array("videos/".utf8) + [0x01, 0x22] + Array(".mp4".utf8), size: 1),
        ])
      bucket.subtitlesEvery = 2
      var store = ObjectStoreConfiguration()
      store.buckets = [bucket]
      store.inventoryPrefix = "inventory/"
      store.inventoryLines = 1_000
      $0.objects = store
      $0.faults = faults
    }
  }

  private func list(
    _ scene: Scene, _ arguments: [String], environment: [String: String] = keys, input: String? = nil
  ) async throws -> OrchestrateProcess.Ending {
    try await OrchestrateProcess.run(
      ["list", "--index-id", Scene.index, "--s3-endpoint", scene.server.address] + arguments,
      environment: scene.environment.merging(environment) { $1 }, input: input)
  }

  private func items(_ text: String) throws -> [[String: Any]] {
    try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]] ?? []
  }

  @Test("a bucket of several pages becomes a manifest with exact names, which submit takes from a pipe")
  func bucket() async throws {
    let scene = try await scene()
    let listed = try await list(scene, ["s3://media-west/videos/", "--transcriptions"])
    #expect(listed.status == 0, "\(listed.diagnostics)")
    let items = try items(listed.output)
    #expect(items.count == 2_503)
    let objects = items.map { $0["object"] as? String ?? "" }
    #expect(objects.contains("s3://media-west/videos/\u{1}\".mp4"))
    #expect(objects.contains("s3://media-west/videos/00000002 a+b.mp4"))
    #expect(objects.contains("s3://media-west/videos/00000004//twice.mp4"))
    #expect(objects == objects.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    let transcribed = items.filter { $0["transcription"] is String }
    #expect(transcribed.count == 1_250)
    #expect(
      transcribed.allSatisfy { item in
        (item["transcription"] as? String) == (item["object"] as? String).map { $0.dropLast(4) + ".srt" }
      })
    #expect(listed.diagnostics.contains("left out: 1 folder, 1 with another suffix, 1 of size 0, 1 archived"))
    #expect(listed.diagnostics.contains("1 item larger than 4 GB"))

    let large = try await list(scene, ["s3://media-west/", "--suffix", ".mov"])
    let validated = try await OrchestrateProcess.run(
      ["validate", "-", "--format", "json"], environment: scene.environment, input: large.output)
    #expect(validated.status == 0)
    #expect(validated.output.contains("5368709120 bytes"), "\(validated.output)")
    let submitted = try await OrchestrateProcess.run(
      ["submit", "-"] + scene.here, environment: scene.environment, input: listed.output)
    #expect(submitted.status == 0, "\(submitted.diagnostics)")
    #expect(
      Set(scene.server.ledger.acceptedCounts.map { Array($0.key.object.utf8) })
        == Set(objects.map { Array($0.utf8) }))
    await scene.server.stop()
  }

  @Test("an inventory in S3, a listing behind a key, and pages that break say the same")
  func otherWays() async throws {
    var faults = [
      FaultRule(.unavailable, requests: 1...1), FaultRule(.truncated, request: 2),
      FaultRule(.resetAfter, request: 3),
    ]
    for place in faults.indices { faults[place].call = .s3List }
    let scene = try await scene(faults)
    let listed = try await list(scene, ["s3://media-west", "--suffix", "mp4,.webm", "--format", "jsonl"])
    #expect(listed.status == 0, "\(listed.diagnostics)")
    let lines = listed.output.split(separator: "\n")
    #expect(lines.count == 2_503)
    let inventory = try #require(scene.server.objects.inventoryKey(of: "media-west"))
    let other = try await list(
      scene, ["--from", "s3://media-west/\(inventory)", "--suffix", "mp4,.webm", "--format", "jsonl"])
    #expect(other.status == 0, "\(other.diagnostics)")
    #expect(other.output == listed.output)
    #expect(other.diagnostics.contains("the manifest of an S3 inventory"))
    let behind = try await list(scene, ["s3://media-west/", "--start-after", "videos/00002498"])
    #expect(try items(behind.output).count == 5)
    await scene.server.stop()
  }

  @Test("what S3 refuses ends with 4, what is missing here with 2, and no file is left")
  func refusals() async throws {
    let scene = try await scene()
    let target = scene.folder.file("videos.json")
    let wrong = Self.keys.merging(["AWS_SECRET_ACCESS_KEY": "wrong"]) { $1 }
    for (arguments, environment, status) in [
      (["s3://media-west"], wrong, 4), (["s3://media-east-nowhere"], Self.keys, 4),
      (["s3://media-west"], ["AWS_EC2_METADATA_DISABLED": "true"], 2),
      (["--from", "nothing.txt"], Self.keys, 2),
      (["--from", "/"], Self.keys, 2), (["--from", "s3://media-west/none.txt"], Self.keys, 4),
      ([], Self.keys, 64),
      (["media-west"], Self.keys, 64), (["s3://media-west", "--from", "-"], Self.keys, 64),
      (["s3://media-west", "--suffix", ".mp4,"], Self.keys, 64), (["s3://m"], Self.keys, 64),
    ] {
      let ended = try await list(scene, arguments + ["--output", target], environment: environment)
      #expect(ended.status == Int32(status), "\(arguments): \(ended.diagnostics)")
      #expect(!ended.diagnostics.contains(SimulatedCredentials.example.secret))
      #expect(!FileManager.default.fileExists(atPath: target))
    }
    #expect(try !left(in: scene).contains { $0.hasSuffix(".part") })
    await scene.server.stop()
  }

  private func left(in scene: Scene) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: scene.folder.path)
  }

  @Test("a signal ends it at once with 3 and leaves no file", arguments: ["s3://media-west", "--from -"])
  func signal(source: String) async throws {
    var stall = FaultRule(.stall, request: 2)
    stall.call = .s3List
    let scene = try await scene([stall])
    let target = scene.folder.file("videos.json")
    // A pipe that nobody writes to, or a page that does not come.
    #expect(mkfifo(scene.folder.file("pipe"), 0o600) == 0)
    let process = try OrchestrateProcess(
      ["list", "--index-id", Scene.index, "--s3-endpoint", scene.server.address, "--output", target]
        + source.split(separator: " ").map(String.init),
      environment: scene.environment.merging(Self.keys) { $1 },
      through: ["sh", "-c", "exec 9<>\(scene.folder.file("pipe")) && exec \"$@\" <&9", "sh"])
    // The part is there before anything is read, and signals are listened to before that.
    while kill(process.id, 0) == 0, try !left(in: scene).contains(where: { $0.hasSuffix(".part") }) {
      await Task.yield()
    }
    if source == "s3://media-west" {
      try await scene.server.ledger.waitFor { entries in
        entries.contains { $0.endpoint == .s3List && $0.answeredAt != nil }
      }
    }
    process.send(source == "s3://media-west" ? SIGINT : SIGTERM)
    let ended = await process.ended()
    #expect(ended.status == 3, "\(ended.diagnostics)")
    #expect(ended.diagnostics.contains("stopped"))
    #expect(try !left(in: scene).contains { $0.hasPrefix("videos.json") })
    await scene.server.stop()
  }

  @Test(
    "a file is written whole, a pipe that is closed is no error, and a list that breaks off is never closed")
  func output() async throws {
    let scene = try await scene()
    let target = scene.folder.file("videos.json")
    let addresses = (0..<20_000).map { "s3://media-west/\($0).mp4" }.joined(separator: "\n")
    let written = try await list(scene, ["--from", "-", "--output", target], input: addresses)
    #expect(written.status == 0, "\(written.diagnostics)")
    #expect(written.output.isEmpty)
    #expect(try items(String(contentsOfFile: target, encoding: .utf8)).count == 20_000)
    let file = try scene.folder.write(addresses, to: "addresses.txt")
    let head = try OrchestrateProcess(
      ["list", "--index-id", Scene.index, "--from", file], environment: scene.environment,
      through: ["sh", "-c", "\"$@\" | head -1; echo $?", "sh"])
    #expect(await head.ended().output == "[\n0\n")
    let closed = try await OrchestrateProcess(
      ["list", "--index-id", Scene.index, "--from", file], environment: scene.environment,
      through: ["sh", "-c", "exec \"$@\" >&-", "sh"]
    ).ended()
    #expect(closed.status == 5, "\(closed.diagnostics)")
    #expect(closed.diagnostics.contains("standard output is closed"), "\(closed.diagnostics)")
    #expect(!closed.diagnostics.contains("free space"), "\(closed.diagnostics)")
    let broken = try await list(scene, ["--from", "-"], input: addresses + "\nhttps://example.org/a.mp4\n")
    #expect(broken.status == 2)
    #expect(broken.diagnostics.contains("line 20001"))
    #expect(!broken.output.contains("]"))
    await scene.server.stop()
  }

  @Test(
    "a million names take no more memory than a third of them, sorted or not",
    arguments: [[], ["--transcriptions"]])
  func flatMemory(options: [String]) async throws {
    let folder = try TemporaryFolder()
    let list = folder.file("list")
    #expect(mkfifo(list, 0o600) == 0)
    let process = try OrchestrateProcess(
      ["list", "--index-id", Scene.index, "--from", list, "--output", folder.file("videos.json")] + options,
      environment: ["ORCHESTRATE_DB": folder.file("orchestrate.db")])
    let pipe = try #require(FileHandle(forWritingAtPath: list))
    var peaks: [Int] = []
    for thousand in 0..<1_000 {
      let lines = (0..<1_000).map { number in
        "s3://media-west/season-\(thousand)/episode-\(number)" + (number % 2 == 0 ? ".mp4\n" : ".srt\n")
      }
      // The program has read all but what the pipe holds.
      try pipe.write(contentsOf: Data(lines.joined().utf8))
      if thousand == 333 || thousand == 999 { peaks.append(try Self.peakKilobytes(of: process.id)) }
    }
    try pipe.close()
    let ended = await process.ended()
    #expect(ended.status == 0, "\(ended.diagnostics)")
    #expect(ended.diagnostics.contains("1,000,000 objects listed: 500,000 items"))
    // The names of two thirds of a million objects would be 24 MB and more.
    #expect(peaks[1] - peaks[0] < 8 * 1_024, "\(peaks) kB")
  }

  /// The most memory that a process had (proc(5), status: VmHWM).
  private static func peakKilobytes(of process: Int32) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" })[1]))
  }
}
