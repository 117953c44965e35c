import BatchDomain
import Foundation
import RunStore
import StoreCore
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Files that are there whole or not at all")
struct AtomicFileTests {
  /// Always the same number first, as a process id is in a container.
  private struct Repeating: RandomSource {
    let numbers: ManualNumbers
    func next() -> UInt64 { numbers.next() }
  }

  private final class ManualNumbers: @unchecked Sendable {
    private var left: [UInt64]
    init(_ numbers: [UInt64]) { left = numbers }
    func next() -> UInt64 { left.count > 1 ? left.removeFirst() : left[0] }
  }

  private func file(_ folder: TemporaryFolder, _ numbers: UInt64...) throws -> AtomicFile {
    try AtomicFile(
      at: folder.file("report.html"), beside: folder.file("store.db"),
      random: Repeating(numbers: ManualNumbers(numbers)))
  }

  private func names(_ folder: TemporaryFolder) throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: folder.path))
  }

  private func read(_ folder: TemporaryFolder) throws -> String {
    try String(contentsOfFile: folder.file("report.html"), encoding: .utf8)
  }

  @Test("what was there stays until the new file is complete, and nothing else is left")
  func replaced() throws {
    let folder = try TemporaryFolder()
    try folder.write("old", to: "report.html")
    do {
      let given = try file(folder, 1)
      try given.write("half")
      #expect(try read(folder) == "old")
    }
    #expect(try names(folder) == ["report.html"])
    let finished = try file(folder, 1)
    try finished.write("new")
    try finished.finish()
    #expect(try read(folder) == "new")
    #expect(try names(folder) == ["report.html"])
  }

  @Test("a part that a dead process left is in nobody's way and is removed; that of a live one stays")
  func leftOver() throws {
    let folder = try TemporaryFolder()
    let other = "report.html.0123.part"
    try folder.write("half", to: "report.html.00000000000000ff.part")
    try folder.write("mine", to: other)
    let alive = try file(folder, 1)
    // The same number comes again: the next one is taken.
    let second = try file(folder, 1, 2)
    #expect(
      try names(folder) == [
        other, "report.html.0000000000000001.part", "report.html.0000000000000002.part",
      ])
    try second.write("second")
    try second.finish()
    try alive.write("first")
    try alive.finish()
    #expect(try read(folder) == "first")
    #expect(try names(folder) == [other, "report.html"])
  }

  @Test("a link stays one, and what it leads to is replaced with its permissions", arguments: [true, false])
  func link(isThere: Bool) throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("real"), withIntermediateDirectories: false)
    if isThere {
      _ = try folder.write("old", to: "real/report.html")
      #expect(chmod(folder.file("real/report.html"), 0o640) == 0)
    }
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("report.html"), withDestinationPath: "real/report.html")
    let given = try file(folder, 1)
    try given.write("new")
    try given.finish()
    #expect(try names(folder) == ["real", "report.html"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("real")) == ["report.html"])
    #expect(
      try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("report.html"))
        == "real/report.html")
    #expect(try read(folder) == "new")
    var facts = stat()
    #expect(stat(folder.file("real/report.html"), &facts) == 0)
    if isThere { #expect(facts.st_mode & 0o777 == 0o640) }
  }

  @Test("what SQLite keeps beside a part is removed with it, of a dead process, too")
  func journals() throws {
    let folder = try TemporaryFolder()
    for ending in ["", "-journal", "-wal", "-shm"] {
      let name = "report.html.00000000000000ff.part" + ending
      _ = try folder.write("x", to: name)
    }
    do {
      let given = try file(folder, 1)
      _ = try folder.write("x", to: "report.html.0000000000000001.part-wal")
      #expect(try names(folder).count == 2)
      withExtendedLifetime(given) {}
    }
    #expect(try names(folder) == [])
  }

  @Test("no database is replaced, nor a file that belongs to one", arguments: ["", "-wal", "-shm", ".lock"])
  func database(ending: String) async throws {
    let folder = try TemporaryFolder()
    let other = folder.file("report.html")
    try await SQLiteStore.open(path: other, now: Timestamp(milliseconds: 1)).close()
    let before = try Data(contentsOf: URL(fileURLWithPath: other))
    let error = #expect(throws: CommandFailure.self) {
      try AtomicFile(
        at: other + ending, beside: folder.file("store.db"), random: Repeating(numbers: ManualNumbers([1])))
    }
    #expect(error?.code == "output_is_database")
    #expect(try Data(contentsOf: URL(fileURLWithPath: other)) == before)
  }

  @Test("- is no file")
  func standardOutput() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: CommandFailure.self) {
      try AtomicFile(
        at: "-", beside: folder.file("store.db"), random: Repeating(numbers: ManualNumbers([1])),
        called: "the backup")
    }
    #expect(error?.status == .badInput)
    #expect(error?.message.contains("the backup is -") == true)
  }
}

@Suite("Files that text is appended to")
struct AppendedFileTests {
  @Test(
    "a line that was cut off before is not joined with the next one",
    arguments: [("", "new\n"), ("old\n", "old\nnew\n"), (#"{"eve"#, "{\"eve\nnew\n")])
  func cutLine(before: String, after: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(before, to: "events.jsonl")
    do {
      let file = try AppendedFile(path: path)
      try file.write("new\n")
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == after)
    #expect(try AppendedFile(path: folder.file("other.jsonl")).isTerminal == false)
  }
}
