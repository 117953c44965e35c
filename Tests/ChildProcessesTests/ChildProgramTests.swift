import Foundation
import TestSupport
import Testing

@testable import ChildProcesses

@Suite("Started programs", .timeLimit(.minutes(10)))
struct ChildProgramTests {
  private static let path = "/usr/bin:/bin"

  /// A script that writes down what it is given.
  private func script(_ body: String, in folder: TemporaryFolder) throws -> String {
    let path = try folder.write("#!/bin/sh\n\(body)\n", to: "tell")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    return path
  }

  private func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test("a program gets its words as they are, its input and the given environment")
  func given() async throws {
    let folder = try TemporaryFolder()
    let path = try script(
      #"printf '%s|' "$@" > "$OUT/words"; cat > "$OUT/input"; env > "$OUT/env""#, in: folder)
    let program = ChildProgram(
      [path, "a b", "$HOME", "*", "; echo x", ""], environment: ["OUT": folder.path, "PATH": Self.path])
    #expect(try await program.run(input: "one\ntwo\n") == 0)
    #expect(try read(folder.file("words")) == "a b|$HOME|*|; echo x||")
    #expect(try read(folder.file("input")) == "one\ntwo\n")
    let names = try read(folder.file("env")).split(separator: "\n").compactMap {
      $0.split(separator: "=").first
    }
    #expect(Set(names.map(String.init)).subtracting(["_", "PWD", "SHLVL", "OLDPWD"]) == ["OUT", "PATH"])
  }

  @Test("a program is looked up in PATH, its status is told, and one that is not there cannot be started")
  func status() async throws {
    func run(_ word: String, input: String = "") async throws -> Int32 {
      try await ChildProgram([word], environment: ["PATH": Self.path]).run(input: input)
    }
    #expect(try await run("true") == 0)
    #expect(try await run("false", input: "unread") == 1)
    for missing in ["/nonexistent/tell", "no-such-program-anywhere"] {
      await #expect(throws: ChildNotStarted(reason: "No such file or directory"), "\(missing)") {
        try await run(missing)
      }
      await #expect(throws: ChildNotStarted(reason: "No such file or directory"), "\(missing)") {
        try await ChildProgram([missing], environment: ["PATH": Self.path]).startDetached()
      }
    }
  }

  @Test("what a program writes is kept, up to a limit")
  func output() async throws {
    let folder = try TemporaryFolder()
    let path = try script("printf 'a\\000b'; echo why >&2; exit 3", in: folder)
    let program = ChildProgram([path], environment: ["PATH": Self.path])
    let ended = try await program.output(limit: 10)
    #expect(ended.status == 3)
    #expect(ended.output == [97, 0, 98] && ended.errors == Array("why\n".utf8))
    await #expect(throws: ChildNotStarted.self) { try await program.output(limit: 2) }
    await #expect(throws: ChildNotStarted(reason: "No such file or directory")) {
      try await ChildProgram(["/nonexistent/tell"], environment: [:]).output(limit: 10)
    }
  }

  @Test("cancelling kills a program and what it started")
  func killed() async throws {
    let folder = try TemporaryFolder()
    #expect(mkfifo(folder.file("ready"), 0o600) == 0)
    let path = try script(#"exec 3> "$OUT/ready"; sleep 1000 & echo ready >&3; wait"#, in: folder)
    let program = ChildProgram([path], environment: ["OUT": folder.path, "PATH": Self.path])
    let task = Task { try await program.run(input: "") }
    // Opening a pipe by name waits for whoever writes into it; it ends when the last of them does.
    let ready = try await onOwnThread {
      let pipe = try FileHandle(forReadingFrom: URL(fileURLWithPath: folder.file("ready")))
      let first = try pipe.nextBytes()
      task.cancel()
      return (first, try pipe.remainingBytes())
    }
    #expect(ready.0 == Data("ready\n".utf8))
    #expect(ready.1.isEmpty)
    #expect(try await task.value == 128 + SIGKILL)
  }

  /// What a script writes down about its own process: open files, group, session, and the signals that are blocked and
  /// ignored.
  private static let look = #"""
    for file in /proc/$$/fd/*; do readlink "$file" || :; done > "$OUT/files"
    cut -d' ' -f5,6 /proc/$$/stat > "$OUT/ids"
    # Without another program: the shell blocks signals for the moment in which it starts one.
    while IFS= read -r line; do
      case $line in SigBlk*|SigIgn*) printf '%s\n' "$line" ;; esac
    done < /proc/$$/status > "$OUT/signals"
    echo $$ > "$OUT/self"; mv "$OUT/self" "$OUT/id"; echo done > "$OUT/end"
    """#

  #if os(Linux)
    @Test(
      "nothing of this process is open in a started program, and no signal is blocked",
      arguments: [false, true])
    func inherits(isDetached: Bool) async throws {
      let folder = try TemporaryFolder()
      #expect(mkfifo(folder.file("end"), 0o600) == 0)
      // A socket and a file that are handed on unless somebody takes care.
      let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      let file = open(folder.file("open"), O_RDWR | O_CREAT, 0o600)
      defer {
        close(listener)
        close(file)
      }
      #expect(listener > 2 && file > 2)
      let path = try script(Self.look, in: folder)
      let program = ChildProgram([path], environment: ["OUT": folder.path, "PATH": Self.path])
      async let end = onOwnThread {
        try FileHandle(forReadingFrom: URL(fileURLWithPath: folder.file("end"))).remainingBytes()
      }
      if isDetached {
        try await program.startDetached()
      } else {
        #expect(try await program.run(input: "") == 0)
      }
      #expect(try await end == Data("done\n".utf8))

      let files = try read(folder.file("files")).split(separator: "\n")
      #expect(!files.contains { $0.hasPrefix("socket:") || $0.hasSuffix("/open") }, "\(files)")
      // Standard input, output (twice: the shell keeps it while it writes the list) and error, and the script itself.
      #expect(files.count <= 5, "\(files)")
      for line in try read(folder.file("signals")).split(separator: "\n") {
        let signals = try #require(line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) })
        // Above 31 are the C library's own signals, which no program can set.
        #expect(signals & 0x7fff_ffff == 0, "\(line)")
      }
      let id = try read(folder.file("id")).trimmingCharacters(in: .newlines)
      let ids = try read(folder.file("ids")).trimmingCharacters(in: .newlines).split(separator: " ")
      #expect(ids.count == 2)
      #expect(ids.first.map(String.init) == id, "the leader of a process group")
      #expect((ids.last.map(String.init) == id) == isDetached, "a session of its own")
    }
  #endif
}
