import BatchDomain
import Foundation
import TestSupport
import Testing

@testable import OrchestrateCommands

/// Which files a job's manifests are.
@Suite("Manifests of a job")
struct ManifestNamesTests {
  @Test(
    "a star stands for any characters, a question mark for one",
    arguments: [
      ("a.json", "*.json", true), ("a.json", "*", true), ("a.json", "?.json", true),
      ("ab.json", "?.json", false),
      ("é.json", "?.json", true), ("a.json", "*.jsonl", false), ("aXbXc", "a*b*c", true),
      ("abcabd", "*abd", true),
      ("abcab", "*abd", false), ("", "*", true), ("", "?", false), (".a.json", "*.json", false),
      (".a.json", "?a.json", false), (".a.json", ".*.json", true), ("a[1].json", "a[1]*", true),
      ("a1.json", "a[1]*", false), ("a", "a**", true), ("ab", "a?*", true), ("a", "a?*", false),
    ])
  func matching(name: String, pattern: String, matches: Bool) {
    #expect(PathPattern.matches(Array(name.utf8), Array(pattern.utf8)) == matches)
  }

  private func files(_ folder: TemporaryFolder, _ names: [String]) throws -> [String] {
    let all = ManifestNames(names.map { $0 == "-" ? $0 : folder.file($0) }, mayBePatterns: true)
    return try all.files().map { String($0.dropFirst(folder.path.count + 1)) }
  }

  @Test(
    "the files of a pattern come in the order of their bytes, those of a list as they are named, each once")
  func order() throws {
    let folder = try TemporaryFolder()
    for name in ["lists", "lists/x", "lists/y", "lists/z.json"] {
      try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
    }
    for name in [
      "b.json", "B.json", "é.json", "a.json", ".hidden.json", "a.txt", "x/1.json", "y/1.json", "y/2.json",
    ] {
      _ = try folder.write("[]", to: "lists/\(name)")
    }
    #expect(
      try files(folder, ["lists/*.json"]) == ["lists/B.json", "lists/a.json", "lists/b.json", "lists/é.json"])
    #expect(try files(folder, ["lists/*/?.json"]) == ["lists/x/1.json", "lists/y/1.json", "lists/y/2.json"])
    #expect(
      try files(folder, ["lists/b.json", "missing.json", "lists/?.json"])
        == ["lists/b.json", "missing.json", "lists/B.json", "lists/a.json", "lists/é.json"])
    // A name that is there as it is written is itself.
    _ = try folder.write("[]", to: "lists/*.json")
    #expect(try files(folder, ["lists/*.json"]) == ["lists/*.json"])
  }

  @Test("a link that leads to nothing matches, and is refused where it is read; one to a folder does not")
  func links() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write("[]", to: "a.json")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("b.json"), withDestinationPath: "/nonexistent/tonight.json")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("c.json"), withDestinationPath: folder.path)
    #expect(try files(folder, ["*.json"]) == ["a.json", "b.json"])
  }

  @Test("a pattern without a match, and standard input beside others, are refused")
  func refused() throws {
    let folder = try TemporaryFolder()
    for (names, code) in [
      (["*.json"], "no_manifest_matches"), (["none/*.json"], "no_manifest_matches"),
      (["a.json", "-"], "manifest_is_input"),
    ] {
      let error = #expect(throws: CommandFailure.self) { try files(folder, names) }
      #expect(error?.status == .badInput && error?.code.rawValue == code, "\(names)")
    }
  }

  @Test("an argument is a path as it is, a name in a job file may be a pattern, and a list is several")
  func several() {
    #expect(!ManifestNames(["*.json"]).areSeveral)
    #expect(ManifestNames(["*.json"], mayBePatterns: true).areSeveral)
    #expect(!ManifestNames(["a.json"], mayBePatterns: true).areSeveral)
    #expect(ManifestNames(["a.json", "b.json"], mayBePatterns: true).areSeveral)
  }
}
