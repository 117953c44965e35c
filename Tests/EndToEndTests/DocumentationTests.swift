import Foundation
import TestSupport
import Testing
import TransferSimulator

/// What the documents tell a reader to type is typed here, with the real program, the stand-in service and a home folder
/// of its own. What builds or tests the package itself is stood in for: that is what runs this test.
///
/// Every fence with exactly `sh` behind it is run by `bash -eo pipefail`, in the README and in getting started as one story
/// each, in the recipes and in operations section by section. A block with a line that begins with `# needs ` is not run: the reader sees the
/// same line and knows what is missing. There are no marks that only this test sees, since a block that nobody marked would
/// not be tested. `orchestrate` on the path is a line of shell that adds the stand-in's address to `submit` and `doctor`. A
/// block has to end by itself, and with 0; where another status is the point, the block says so in shell (`case $?`).
@Suite("Command blocks of the documents", .timeLimit(.minutes(10)))
struct DocumentationTests {
  private static let root = (1...3).reduce(URL(fileURLWithPath: #filePath)) { url, _ in
    url.deletingLastPathComponent()
  }

  /// A document whose blocks are one story from its beginning to its end, or one story per section.
  private static func stories(_ name: String, perSection: Bool = false) throws -> [[CommandBlocks.Block]] {
    let text = try String(contentsOf: root.appendingPathComponent(name), encoding: .utf8)
    let blocks = CommandBlocks(of: text).blocks
    try #require(!blocks.isEmpty, "\(name) has no command block")
    guard perSection else { return [blocks] }
    var sections: [String] = []
    for block in blocks where !sections.contains(block.section) { sections.append(block.section) }
    return sections.map { section in blocks.filter { $0.section == section } }
  }

  /// What has to have happened before a section of the recipes makes sense.
  private struct Before {
    /// Faults of the service while it happens.
    var faults: [FaultRule] = []
    /// An object the service refuses, then and later.
    var refused: String?
    /// What is done.
    let script: String
    /// What that ends with.
    let status: Int32
  }

  private static let before: [String: Before] = [
    "Send again only what failed": Before(
      refused: "s3://archive-west/2026/11/02.mp4", script: "orchestrate submit videos.json", status: 1),
    "Move to another machine": Before(
      faults: [FaultRule(.unauthorized, from: 2)], script: "orchestrate submit videos.json --chunk-size 1",
      status: 4),
    "Back up the store": Before(script: "orchestrate submit videos.json", status: 0),
    "A restored older copy": Before(script: "orchestrate submit videos.json", status: 0),
  ]

  @Test("each document is one story", arguments: ["README.md", "docs/getting-started.md"])
  func story(name: String) async throws {
    for blocks in try Self.stories(name) {
      let desk = try await Desk()
      let ended = try await desk.type(CommandBlocks.script(blocks))
      #expect(ended.status == 0, "\(Desk.failure(in: name, ended))")
      #expect(desk.server.ledger.transferCount > 0, "\(name) submits nothing")
      if name == "docs/getting-started.md" {
        let tally = desk.server.assets.tally(at: desk.server.now)
        #expect(tally.indexed.count == 3, "the road of today's accounts indexes nothing")
      }
      await desk.server.stop()
    }
  }

  @Test(
    "each section in a home folder of its own", arguments: ["docs/recipes.md", "docs/operations.md"])
  func recipes(name: String) async throws {
    let stories = try Self.stories(name, perSection: true)
    let sections = Set(stories.compactMap(\.first?.section))
    let own: Set = ["A restored older copy"]
    let prepared = name == "docs/recipes.md" ? Set(Self.before.keys).subtracting(own) : own
    #expect(sections.isSuperset(of: prepared), "a section that needs a preparation is gone: \(sections)")
    for blocks in stories {
      let before = Self.before[blocks.first?.section ?? ""]
      let desk = try await Desk(refusing: before?.refused)
      if let before {
        desk.server.setFaults(before.faults)
        let ended = try await desk.type(before.script)
        #expect(ended.status == before.status, "\(blocks[0].section): \(ended)")
        desk.server.setFaults([])
      }
      let ended = try await desk.type(CommandBlocks.script(blocks))
      #expect(ended.status == 0, "\(Desk.failure(in: name, ended))")
      await desk.server.stop()
    }
  }

  @Test("a block that fails is named by its line, and no later one is run")
  func failing() async throws {
    let document = """
      # Title
      ```sh
      orchestrate validate videos.json
      ```
      ```text
      not a command
      ```
      ```sh
      # needs something else
      false
      ```
      ## Section
      ```sh
      orchestrate report no-such-run | cat
      touch later
      ```
      """
    let blocks = CommandBlocks(of: document).blocks
    #expect(blocks.map(\.line) == [3, 14])
    #expect(blocks.map(\.section) == ["", "Section"])
    let desk = try await Desk()
    let ended = try await desk.type(CommandBlocks.script(blocks))
    #expect(ended.status == 2)
    #expect(Desk.failure(in: "a.md", ended).hasPrefix("a.md: the block at line 14 ended with status 2: "))
    #expect(!FileManager.default.fileExists(atPath: desk.home.file("later")))
    await desk.server.stop()
  }
}

/// A reader's desk: a home folder with the list of videos in it, the program on the path, and the service.
private struct Desk {
  let home: TemporaryFolder
  let server: SimulatorServer
  private let programs: TemporaryFolder

  init(refusing object: String? = nil) async throws {
    home = try TemporaryFolder()
    programs = try TemporaryFolder()
    var configuration = SimulatorConfiguration()
    configuration.apiKey = Scene.key
    // Both generations of the service, and the bucket that the pages speak of.
    configuration.assets = AssetsConfiguration()
    configuration.taskStep = .milliseconds(20)
    var store = ObjectStoreConfiguration()
    store.buckets = [
      SyntheticBucket(
        "archive-west", objects: (1...3).map { SyntheticBucket.Object("2026/11/0\($0).mp4") })
    ]
    configuration.objects = store
    if let object { configuration.poisonedObjects = [object] }
    server = try await SimulatorServer.start(configuration)
    let items = (1...3).map {
      #"{"index_id":"\#(Scene.index)","language":"en","object":"s3://archive-west/2026/11/0\#($0).mp4"}"#
    }
    let list = "[\n" + items.joined(separator: ",\n") + "\n]\n"
    try home.write(list, to: "videos.json")
    for folder in ["exports", "scripts"] {
      try FileManager.default.createDirectory(atPath: home.file(folder), withIntermediateDirectories: false)
    }
    try home.write(list, to: "exports/today.json")
    try FileManager.default.createDirectory(atPath: home.file(".aws"), withIntermediateDirectories: false)
    try home.write(
      """
      [default]
      aws_access_key_id = \(SimulatedCredentials.example.accessKeyID)
      aws_secret_access_key = \(SimulatedCredentials.example.secret)
      """, to: ".aws/credentials")
    // Nobody edits an address into what is pasted: the commands that connect are given it here.
    let program = OrchestrateProcess.products.appendingPathComponent("orchestrate").path
    try write(
      """
      case $1 in
      submit) shift; exec '\(program)' submit --base-url '\(server.address)' --settle-delay 100ms "$@" ;;
      doctor) shift; exec '\(program)' doctor --base-url '\(server.address)' "$@" ;;
      *) exec '\(program)' "$@" ;;
      esac
      """, to: programs.file("orchestrate"))
    try write("", to: programs.file("swift"))
    let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("scripts").path
    for name in try FileManager.default.contentsOfDirectory(atPath: scripts)
    where FileManager.default.isExecutableFile(atPath: "\(scripts)/\(name)") {
      try write("", to: home.file("scripts/\(name)"))
    }
  }

  /// Runs a script in the home folder; whoever asks for the key gets it.
  func type(_ script: String) async throws -> OrchestrateProcess.Ending {
    let path = try programs.write("cd\n" + script, to: "script")
    // The program that is named behind the script is an argument it does not look at.
    return try await OrchestrateProcess(
      [],
      environment: [
        "HOME": home.path, "PATH": "\(programs.path):/usr/local/bin:/usr/bin:/bin",
        "TWELVELABS_API_KEY": Scene.key, "AWS_ENDPOINT_URL_S3": server.address,
      ],
      input: String(repeating: Scene.key + "\n", count: 8), through: ["timeout", "600", "bash", path]
    ).ended()
  }

  /// What to say about a script that did not end well.
  static func failure(in name: String, _ ended: OrchestrateProcess.Ending) -> String {
    let parts = ended.diagnostics.components(separatedBy: CommandBlocks.mark)
    let last = parts.last?.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false) ?? []
    return "\(name): the block at line \(last.first ?? "?") ended with status \(ended.status): "
      + "\(last.last ?? "")\n\(ended.output)"
  }

  private func write(_ body: String, to path: String) throws {
    try Data("#!/bin/sh\n\(body)\n".utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }
}
