import BatchDomain
import Foundation
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
}
