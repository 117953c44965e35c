import Foundation
import TestSupport
import Testing

@testable import Notifications

@Suite("Commands as processes", .timeLimit(.minutes(1)))
struct ChildProcessTests {
  /// A script that writes down what it is given.
  private func script(_ body: String, in folder: TemporaryFolder) throws -> String {
    let path = try folder.write("#!/bin/sh\n\(body)\n", to: "tell")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    return path
  }

  private func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test("it gets its words as they are, its input, the given environment and nothing else")
  func given() async throws {
    let folder = try TemporaryFolder()
    let path = try script(
      #"printf '%s|' "$@" > "$OUT/words"; cat > "$OUT/input"; env > "$OUT/env"; ls /dev/fd > "$OUT/files""#,
      in: folder)
    let command = try NoticeCommand(words: [path, "a b", "$HOME", "*", "; echo x", ""])
    let status = try await ChildProcess().run(
      command, environment: ["OUT": folder.path, "PATH": "/usr/bin:/bin"], input: "one\ntwo\n")
    #expect(status == 0)
    #expect(try read(folder.file("words")) == "a b|$HOME|*|; echo x||")
    #expect(try read(folder.file("input")) == "one\ntwo\n")
    let names = try read(folder.file("env")).split(separator: "\n").compactMap {
      $0.split(separator: "=").first
    }
    #expect(Set(names.map(String.init)).subtracting(["_", "PWD", "SHLVL", "OLDPWD"]) == ["OUT", "PATH"])
    // Standard input, output and error, the script itself, and the folder that is listed.
    #expect(try read(folder.file("files")).split(separator: "\n").count <= 5)
  }

  @Test("a program is looked up in PATH, its status is told, and one that is not there cannot be started")
  func status() async throws {
    let runner = ChildProcess()
    #expect(try await runner.run(NoticeCommand("true"), environment: [:], input: "") == 0)
    #expect(try await runner.run(NoticeCommand("false"), environment: [:], input: "unread") == 1)
    await #expect(throws: CommandNotStarted.self) {
      try await runner.run(NoticeCommand("/nonexistent/tell"), environment: [:], input: "")
    }
  }

  @Test("giving it up kills it and what it started")
  func killed() async throws {
    let folder = try TemporaryFolder()
    #expect(mkfifo(folder.file("ready"), 0o600) == 0)
    let path = try script(#"exec 3> "$OUT/ready"; sleep 1000 & echo ready >&3; wait"#, in: folder)
    let command = try NoticeCommand(words: [path])
    let task = Task {
      try await ChildProcess().run(
        command, environment: ["OUT": folder.path, "PATH": "/usr/bin:/bin"], input: "")
    }
    // Opening a pipe by name waits for whoever writes into it; it ends when the last of them does.
    let ready = try await Task.detached {
      let pipe = try FileHandle(forReadingFrom: URL(fileURLWithPath: folder.file("ready")))
      let first = try pipe.nextBytes()
      task.cancel()
      return (first, try pipe.remainingBytes())
    }.value
    #expect(ready.0 == Data("ready\n".utf8))
    #expect(ready.1.isEmpty)
    #expect(try await task.value == 128 + SIGKILL)
  }
}
