import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("Trouble with the database's file", .timeLimit(.minutes(10)))
struct StoreFileTests {
  private static let items = 60

  /// A run that was stopped in the middle.
  private func paused(_ scene: Scene) async throws {
    let process = try scene.startSubmit(try scene.manifest(Self.items), "--chunk-size", "5")
    try await scene.server.ledger.waitFor(transfers: 4)
    process.send(SIGINT)
    let ended = await process.ended()
    #expect(ended.status == 3, "\(ended.diagnostics)")
  }

  private func scene() async throws -> Scene { try await Scene { $0.delay = .milliseconds(100) } }

  /// Goes on with the run once the trouble is over: nothing is lost and nothing is sent twice.
  private func goesOn(_ scene: Scene) async throws {
    let resumed = try await scene.orchestrate("resume", "latest")
    #expect(resumed.status == 0, "\(resumed.diagnostics)")
    #expect(scene.timesTaken(Self.items) == [1])
    let verified = try await scene.orchestrate("verify", "latest")
    #expect(verified.status == 0, "\(verified.output)")
    await scene.server.stop()
  }

  /// Runs a command that has to end with 5 and to name the database, and sends nothing.
  private func refused(
    _ scene: Scene, _ arguments: [String], through: [String] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let sent = scene.server.ledger.transferCount
    let ended = try await OrchestrateProcess(
      arguments, environment: scene.environment, through: through
    ).ended()
    #expect(ended.status == 5, "\(arguments): \(ended.diagnostics)", sourceLocation: sourceLocation)
    #expect(
      ended.diagnostics.contains(scene.folder.path), "\(arguments): \(ended.diagnostics)",
      sourceLocation: sourceLocation)
    // The sentence, and a line of advice.
    let lines = ended.diagnostics.split(separator: "\n").drop { !$0.hasPrefix("error: ") }
    #expect(lines.count == 2, "\(ended.diagnostics)", sourceLocation: sourceLocation)
    #expect(scene.server.ledger.transferCount == sent, sourceLocation: sourceLocation)
  }

  private func states(_ text: String) throws -> [String: String] {
    let checks = try #require(try json(text)["checks"] as? [[String: Any]])
    return Dictionary(
      checks.compactMap { check in
        (check["check"] as? String).flatMap { name in (check["status"] as? String).map { (name, $0) } }
      }, uniquingKeysWith: { first, _ in first })
  }

  @Test("a damaged header: every command ends with 5 and leaves the file alone; put back, the run goes on")
  func header() async throws {
    let scene = try await scene()
    try await paused(scene)
    let file = URL(fileURLWithPath: scene.database)
    let sound = try Data(contentsOf: file)
    var damaged = sound
    damaged.replaceSubrange(0..<100, with: Data(repeating: 0x5A, count: 100))
    try damaged.write(to: file)
    let other = try scene.manifest(5, name: "other.json", prefix: "b")
    for arguments in [
      ["report"], ["report", "latest"], ["resume", "latest"], ["cancel", "latest"], ["verify", "latest"],
      ["export", "latest", "--state", "pending"], ["submit", other] + scene.here,
    ] {
      try await refused(scene, arguments)
    }
    let doctor = try await scene.orchestrate(
      "doctor", "--base-url", scene.server.address, "--format", "json")
    #expect(doctor.status == 1)
    #expect(try states(doctor.output)["schema"] == "problem")
    #expect(try Data(contentsOf: file) == damaged)
    try sound.write(to: file)
    try await goesOn(scene)
  }

  @Test("damage in the middle: nothing is sent, it is found and named; put back, the run goes on")
  func middle() async throws {
    let scene = try await scene()
    try await paused(scene)
    let size = try await Database.count("PRAGMA page_size", in: scene.database)
    let root = try await Database.count(
      "SELECT rootpage FROM sqlite_schema WHERE name = 'item_block'", in: scene.database)
    let file = URL(fileURLWithPath: scene.database)
    let sound = try Data(contentsOf: file)
    var damaged = sound
    damaged.replaceSubrange(
      (root - 1) * size..<root * size, with: Data(repeating: 0x5A, count: size))
    try damaged.write(to: file)
    try await refused(scene, ["resume", "latest"])
    let verified = try await scene.orchestrate("verify", "latest", "--format", "json")
    #expect(verified.status == 1, "\(verified.diagnostics)")
    let problems = try #require(try json(verified.output)["problems"] as? [[String: String]])
    #expect(problems.contains { $0["check"] == "integrity" }, "\(problems)")
    let doctor = try await scene.orchestrate(
      "doctor", "--base-url", scene.server.address, "--format", "json")
    #expect(doctor.status == 1)
    #expect(try states(doctor.output)["integrity"] == "problem")
    try sound.write(to: file)
    for suffix in ["-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: scene.database + suffix)
    }
    try await goesOn(scene)
  }

  @Test(
    "a folder or a file that may only be read ends with 5; made writable, the run goes on",
    .enabled(if: Confinement.canDropPrivileges))
  func readOnly() async throws {
    let scene = try await scene()
    let bits = Confinement.underPermissionBits
    let manifest = try scene.manifest(5, name: "other.json", prefix: "b")
    let folder = scene.folder.file("read-only")
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o500])
    let missing = ["--db", folder + "/orchestrate.db"]
    try await refused(scene, ["submit", manifest] + scene.here + missing, through: bits)
    let noFolder = ["--db", folder + "/deeper/orchestrate.db"]
    try await refused(scene, ["submit", manifest] + scene.here + noFolder, through: bits)
    let doctor = try await OrchestrateProcess(
      ["doctor", "--base-url", scene.server.address, "--format", "json"] + missing,
      environment: scene.environment, through: bits
    ).ended()
    #expect(doctor.status == 1)
    #expect(try states(doctor.output)["database"] == "problem")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)

    try await paused(scene)
    try setMode(0o400, scene)
    try await refused(scene, ["resume", "latest"], through: bits)
    try await refused(scene, ["submit", manifest] + scene.here, through: bits)
    try setMode(0o600, scene)
    try await goesOn(scene)
  }

  private func setMode(_ mode: Int, _ scene: Scene) throws {
    for suffix in ["", "-wal", "-shm", ".lock"]
    where FileManager.default.fileExists(atPath: scene.database + suffix) {
      try FileManager.default.setAttributes(
        [.posixPermissions: mode], ofItemAtPath: scene.database + suffix)
    }
  }

  @Test("locked by another program for a moment: sending waits, and nothing is lost")
  func locked() async throws {
    let scene = try await scene()
    let process = try scene.startSubmit(try scene.manifest(Self.items), "--chunk-size", "2")
    try await scene.server.ledger.waitFor(transfers: 4)
    let shell = try SQLiteShell(scene.database)
    try shell.run("BEGIN IMMEDIATE; SELECT 'held';")
    #expect(try shell.line() == "held")
    // While nothing can be recorded, nothing new is begun: what is under way is answered, and then it is quiet.
    let sent = scene.server.ledger.transferCount
    try await scene.server.ledger.waitFor(inFlightAtMost: 0)
    #expect(scene.server.ledger.transferCount <= sent + 4)
    #expect(scene.server.ledger.transferCount < Self.items / 2)
    try shell.run("COMMIT;")
    try shell.close()
    let ended = await process.ended()
    #expect(ended.status == 0, "\(ended.diagnostics)")
    #expect(scene.timesTaken(Self.items) == [1])
    #expect(try await scene.orchestrate("verify", "latest").status == 0)
    await scene.server.stop()
  }

  /// Says when the disk is full, makes room as soon as the program complains, and audits the run on the same disk.
  private static let fullDisk = """
    mount -t tmpfs -o size=8m tmpfs "$1" || exit 99
    disk=$1; shift
    head -c 7m /dev/zero > "$disk/filler"
    "$@" 2> >(
      while IFS= read -r line; do
        printf '%s\\n' "$line" >&2
        case $line in *"full"*) rm -f "$disk/filler" ;; esac
      done
    )
    status=$?
    [ -e "$disk/filler" ] && echo "the disk was never full"
    "$1" verify latest || exit 98
    exit $status
    """

  @Test(
    "a full disk: what was answered is kept until there is room, then the run finishes",
    .enabled(if: Confinement.canMount))
  func full() async throws {
    let scene = try await Scene()
    let disk = scene.folder.file("disk")
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
    var environment = scene.environment
    environment["ORCHESTRATE_DB"] = disk + "/orchestrate.db"
    let ended = try await OrchestrateProcess(
      ["submit", try scene.manifest(300), "--chunk-size", "1"] + scene.here, environment: environment,
      through: Confinement.ownMounts + ["bash", "-c", Self.fullDisk, "bash", disk]
    ).ended()
    #expect(ended.status == 0, "\(ended.diagnostics)\n\(ended.output)")
    #expect(ended.diagnostics.contains("full"), "\(ended.diagnostics)")
    #expect(!ended.output.contains("never full"))
    #expect(scene.timesTaken(300) == [1])
    await scene.server.stop()
  }
}
