import BatchDomain
import Foundation
import Reporting
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Files that hold the key", .timeLimit(.minutes(10)))
struct KeyFileTests {
  private static let key = "tlk_fromfile"
  private static let taken = "a key"

  /// What a file of those bytes comes to: the key as a request has it, or the reason why there is none.
  private func outcome(_ path: String) async -> String {
    do {
      _ = try await KeyFile(path: path).key()
      return Self.taken
    } catch {
      return CommandFailure(error).message
    }
  }

  /// UTF-16 with a byte-order mark.
  private static func wide(_ text: String, isLittle: Bool) -> Data {
    var bytes: [UInt8] = []
    for unit in [0xFEFF] + Array(text.utf16) {
      let (high, low) = (UInt8(unit >> 8), UInt8(unit & 0xFF))
      bytes += isLittle ? [low, high] : [high, low]
    }
    return Data(bytes)
  }

  @Test(
    "byte-order marks, line ends of any kind and spaces are no part of the key",
    arguments: [
      Data("tlk_fromfile\n".utf8), Data("tlk_fromfile\r\n".utf8), Data("  tlk_fromfile\t\r\n\r\n".utf8),
      Data("\u{FEFF}tlk_fromfile\r\n".utf8), wide("tlk_fromfile\r\n", isLittle: true),
      wide("tlk_fromfile\n", isLittle: false),
    ])
  func content(bytes: Data) async throws {
    let folder = try TemporaryFolder()
    try bytes.write(to: URL(fileURLWithPath: folder.file("key")))
    #expect(await outcome(folder.file("key")) == Self.taken)
  }

  @Test("the reason why a file gives no key is the right one")
  func reasons() async throws {
    let folder = try TemporaryFolder()
    let beginning = "failed to read the API key from "
    #expect(await outcome(folder.file("no")) == beginning + folder.file("no") + ": there is no such file")
    #expect(await outcome(folder.path) == beginning + folder.path + ": it is a folder")
    for (name, content) in [("empty", ""), ("blank", " \r\n\n"), ("mark", "\u{FEFF}")] {
      try folder.write(content, to: name)
      #expect(await outcome(folder.file(name)).hasSuffix("\(name): it is empty"), "\(name)")
    }
    #expect(await outcome("/dev/null").hasSuffix("/dev/null: it is empty"))
    try folder.write(String(repeating: "a", count: 70_000), to: "large")
    #expect(await outcome(folder.file("large")).contains("more than 64 KiB"))
    #expect(await outcome("/dev/zero").contains("more than 64 KiB"))
    try folder.write("two words", to: "words")
    #expect(await outcome(folder.file("words")).contains("has a space"))
    #expect(await outcome(folder.file("words")).hasSuffix("(the file \(folder.file("words")))"))
    #expect(await outcome("").hasSuffix("this is not a path"))
  }

  @Test("the manifest is not read as the key", arguments: ["-", "file"])
  func manifest(given: String) async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(Self.key, to: "key")
    let (manifest, key) = given == "-" ? ("-", "/dev/stdin") : (file, folder.file("link"))
    try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: file)
    for (line, job) in [(key, nil), (nil, key)] as [(String?, String?)] {
      let error = await #expect(throws: CommandFailure.self) {
        try await KeySource.key(commandLineFile: line, jobFile: job, environment: [:], besides: manifest)
      }
      #expect(error?.code == "manifest_is_input" && error?.status == .badInput)
    }
    // A key of its own is taken beside standard input.
    _ = try await KeySource.key(commandLineFile: file, jobFile: nil, environment: [:], besides: "-")
    for json in [#"{"index_id":"a"}"#, " [1]\n"] {
      try folder.write(json, to: "json")
      #expect(await outcome(folder.file("json")).contains("is JSON"))
    }
  }

  @Test("advice about a file names what it should hold")
  func advice() async throws {
    let folder = try TemporaryFolder()
    try folder.write("\n", to: "empty")
    for (file, what) in [
      (KeyFile(path: folder.file("no")), "the API key"),
      (KeyFile(path: folder.file("no"), what: "the secret of the webhook"), "the secret of the webhook"),
      (KeyFile(path: folder.file("empty"), what: "the secret of the webhook"), "the secret of the webhook"),
    ] {
      do {
        _ = try await file.word()
        Issue.record("\(file.path) was read")
      } catch {
        #expect(CommandFailure(error).remedy?.text(database: nil).contains(what) == true, "\(error)")
      }
    }
  }

  @Test("a pipe is read to its end, in as many pieces as it comes")
  func pipe() async throws {
    let folder = try TemporaryFolder()
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    async let written: Void = onOwnThread {
      let pipe = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.file("pipe")))
      for piece in ["tlk_from", "file", "\n"] { try pipe.write(contentsOf: Data(piece.utf8)) }
      try pipe.close()
    }
    #expect(await outcome(folder.file("pipe")) == Self.taken)
    try await written

    async let silent: Void = onOwnThread {
      try FileHandle(forWritingTo: URL(fileURLWithPath: folder.file("pipe"))).close()
    }
    #expect(await outcome(folder.file("pipe")).hasSuffix("pipe: it is empty"))
    try await silent
  }

  @Test("a key file of the command line is looked for in the home folder")
  func home() async throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.key, to: "key")
    _ = try await KeySource.key(commandLineFile: "~/key", jobFile: nil, environment: ["HOME": folder.path])
    await #expect(throws: CommandFailure.self) {
      try await KeySource.key(commandLineFile: nil, jobFile: nil, environment: ["TWELVELABS_API_KEY": ""])
    }
  }
}
