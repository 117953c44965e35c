import ArgumentParser
import BatchDomain
import Testing

@testable import OrchestrateCommands

@Suite("Arguments before they are parsed")
struct ArgumentCheckTests {
  private func texts(_ words: [String]) throws -> [String] {
    try ArgumentCheck.texts(words.map { Array($0.utf8) })
  }

  @Test(
    "an option of several letters with one dash is refused, also where it has an h",
    arguments: ["-chunk-size", "-detach", "-ahead", "-html", "-wh", "-chunk-size=5", "-older-than"])
  func oneDash(word: String) throws {
    let error = #expect(throws: ValidationError.self) { try texts(["submit", "m.jsonl", word, "5"]) }
    #expect(error?.message.contains("'\(word)': options of several letters begin with two dashes") == true)
  }

  @Test(
    "everything else is left to the parser",
    arguments: [
      ["submit", "-"], ["report", "-h"], ["report", "--html"], ["report", "-o", "x"],
      ["settle", "x", "--chunk", "-1"],
      ["submit", "--", "-chunk-size"], ["help"], ["help", "submit"], ["help", "--help"],
      ["submit", "häh-.json"],
    ])
  func others(words: [String]) throws {
    #expect(try texts(words) == words)
  }

  @Test("help of what is no subcommand is refused with the nearest one")
  func unknownHelp() throws {
    let error = #expect(throws: ValidationError.self) { try texts(["help", "submti"]) }
    #expect(error?.message.contains("did you mean 'submit'") == true)
  }

  @Test(
    "a first word that is no subcommand is refused by the program, whose help has the list",
    arguments: ["sumbit", "version"])
  func unknownCommand(word: String) throws {
    let error = #expect(throws: ValidationError.self) { try texts([word, "x"]) }
    let text = OrchestrateCommand.fullMessage(for: try #require(error))
    #expect(text.contains("Unknown subcommand '\(word)'"))
    #expect(text.contains("'orchestrate --help'"), "\(text)")
  }

  @Test("help before a subcommand is the help of that subcommand", arguments: ["-h", "--help"])
  func helpFirst(option: String) throws {
    #expect(try texts([option, "submit"]) == ["submit", "--help"])
    #expect(try texts([option]) == [option])
  }

  @Test("an argument that is not UTF-8 is refused: repaired, it would name another file")
  func bytes() throws {
    let error = #expect(throws: ValidationError.self) {
      try ArgumentCheck.texts([Array("report".utf8), [0x78, 0xFF]])
    }
    #expect(error?.message.contains("not UTF-8") == true)
  }

  private func message(_ words: String...) -> String { message(words) }

  private func message(_ words: [String]) -> String {
    do {
      _ = try OrchestrateCommand.parseAsRoot(words)
      return ""
    } catch {
      #expect(OrchestrateCommand.exitCode(for: error) == .validationFailure)
      return OrchestrateCommand.fullMessage(for: error)
    }
  }

  @Test("options before the subcommand are told from an unknown one")
  func optionsFirst() {
    #expect(
      message("--db", "o.db", "report").contains("Options come after the subcommand: orchestrate report"))
    #expect(message("reprot").contains("did you mean 'report'"))
  }

  @Test(
    "the password of an address that is refused is not repeated", arguments: ["--base-url", "--s3-endpoint"])
  func passwords(option: String) {
    let text = message("submit", "m.jsonl", option, "https://u:hunter2@example.org")
    #expect(text.contains(option))
    #expect(!text.contains("hunter2"), "\(text)")
  }

  @Test(
    "an empty name of a file to write is refused before anything is done",
    arguments: [
      ["list", "s3://bucket", "--index-id", "x", "--output", ""], ["backup", ""], ["report", "-o", ""],
      ["doctor", "--bundle", ""],
    ])
  func emptyNames(words: [String]) {
    let text = message(words)
    #expect(text.contains("is empty, expected the path of a file"), "\(text)")
  }

  @Test("lists that are given twice are one list")
  func lists() throws {
    let export = try #require(
      try OrchestrateCommand.parseAsRoot([
        "export", "latest", "--state", "accepted", "--state", "rejected,failed",
      ])
        as? ExportCommand)
    #expect(export.state.flatMap { $0.map(\.rawValue) }.sorted() == ["accepted", "failed", "rejected"])
    let resume = try #require(
      try OrchestrateCommand.parseAsRoot(["resume", "latest", "--retry", "failed", "--retry", "rejected"])
        as? ResumeCommand)
    #expect(resume.retry == [[.failed], [.rejected]])
    let list = try #require(
      try OrchestrateCommand.parseAsRoot([
        "list", "s3://bucket", "--index-id", "x", "--suffix", ".mp4,.mkv", "--suffix", ".mov",
      ]) as? ListCommand)
    #expect(list.suffix.flatMap { $0 } == [".mp4", ".mkv", ".mov"])
    #expect(message("export", "latest").contains("--state"))
  }

  private func list(_ words: String...) throws -> ListCommand? {
    try OrchestrateCommand.parseAsRoot(["list", "s3://media-west/a/", "--index-id", "x"] + words)
      as? ListCommand
  }

  @Test("white space around a suffix does not count")
  func spacedSuffixes() throws {
    let command = try #require(try list("--suffix", " .mp4, mov\t"))
    #expect(command.suffix == [[".mp4", ".mov"]])
  }

  @Test(
    "what is no suffix but a pattern or a list of another form is refused",
    arguments: [
      "*.mp4", ".mp4;.mov", ".mp4 .mov", ".mp4,.m?v", "{mp4,mov}", "mp4|mov", #"\.mp4"#, #"".mp4""#, ".mp4, ",
    ])
  func noSuffixes(text: String) {
    let found = message("list", "s3://media-west", "--index-id", "x", "--suffix", text)
    #expect(found.contains("expected suffixes such as .mp4,.mov"), "\(found)")
  }

  @Test("--start-after takes the address of a key in the bucket that is listed, and of no other")
  func startAfter() throws {
    let key = try list("--start-after", "s3://media-west/a/s3://b.mp4")
    #expect(try key?.startKey() == Array("a/s3://b.mp4".utf8))
    #expect(try list("--start-after", "a/b.mp4")?.startKey() == Array("a/b.mp4".utf8))
    for other in ["s3://media-east/a/b.mp4", "s3://", "s3://media-west-2/a"] {
      let found = message("list", "s3://media-west/a/", "--index-id", "x", "--start-after", other)
      #expect(found.contains("expected a key of the bucket that is listed"), "\(found)")
    }
  }

  @Test("a duration below its least is refused where it is read, with what was found")
  func lifetime() {
    let text = message("submit", "m.jsonl", "--url-lifetime", "1ms")
    #expect(text.contains("is \"1ms\", expected a duration from 1s"), "\(text)")
  }
}
