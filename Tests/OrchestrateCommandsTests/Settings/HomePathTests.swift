import ArgumentParser
import BatchDomain
import Foundation
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Home folders in paths")
struct HomePathTests {
  private func expand(_ path: String, home: String? = "/home/me") throws -> String {
    try HomePath.expand(path, home: home) { $0 == "backup" ? "/srv/backup" : nil }
  }

  @Test(arguments: [
    ("~", "/home/me"), ("~/runs.db", "/home/me/runs.db"), ("~backup", "/srv/backup"),
    ("~backup/a b", "/srv/backup/a b"), ("./~/x", "./~/x"), ("a/~/x", "a/~/x"), ("x~", "x~"), ("-", "-"),
    ("", ""), ("/~", "/~"),
  ])
  func homeIsPutInItsPlace(path: String, result: String) throws {
    #expect(try expand(path) == result)
  }

  @Test(arguments: [("/", "/x"), ("/home/me//", "/home/me/x")])
  func homeWithSlashes(home: String, result: String) throws {
    #expect(try expand("~/x", home: home) == result)
  }

  @Test func homeThatIsNotKnownIsRefused() {
    for (path, home, word) in [
      ("~/x", nil, "$HOME"), ("~/x", "me", "$HOME"), ("~nobody-here/x", "/h", "user"),
    ]
      as [(String, String?, String)]
    {
      let error = #expect(throws: ConfigurationError.self) { try expand(path, home: home) }
      #expect(error?.message.contains(word) == true, "\(path)")
      #expect(error?.remedy != nil)
    }
  }

  @Test func theSystemKnowsItsUsers() {
    #expect(HomePath.folder(of: "root")?.hasPrefix("/") == true)
    #expect(HomePath.folder(of: "no such user") == nil)
  }

  @Test(
    arguments: [
      ("~/r.db", [:], "/h/r.db"), (nil, ["ORCHESTRATE_DB": "~/e.db"], "/h/e.db"),
      (nil, ["XDG_STATE_HOME": "~/state"], "/h/state/orchestrate/orchestrate.db"),
      ("./~/r.db", [:], "./~/r.db"),
    ] as [(String?, [String: String], String)])
  func databaseOfTheHomeFolder(given: String?, environment: [String: String], path: String) throws {
    let environment = environment.merging(["HOME": "/h"]) { $1 }
    #expect(try DatabasePath.resolve(given: given, environment: environment) == path)
  }

  @Test("every option that names a file takes the home folder")
  func commands() async throws {
    let stage = try CommandStage()
    _ = try await stage.planRun()
    var context = stage.context
    context.environment["HOME"] = stage.folder.path
    context.environment["TWELVELABS_API_KEY"] = "tlk_x"
    try stage.folder.write("[]", to: "m.json")
    try stage.folder.write("manifest: m.json\n", to: "job.yaml")
    let report = try ReportCommand.parse(["latest", "--db", "~/store.db", "-o", "~/report.txt"])
    #expect(await report.status(in: context) == .done)
    #expect(FileManager.default.fileExists(atPath: stage.folder.file("report.txt")))
    // An empty list is refused for being one, after it was found.
    for arguments in [["~/m.json"], ["--job", "~/job.yaml"]] {
      let submit = try SubmitCommand.parse(arguments + ["--dry-run"])
      #expect(await submit.status(in: context) == .badInput)
    }
    let validate = try ValidateCommand.parse(["~/m.json"])
    #expect(await validate.status(in: context) == .badInput)
    #expect(!stage.diagnostics.written.contains("~"), "\(stage.diagnostics.written)")
    let events = try SubmitCommand.parse(
      ["~/m.json", "--db", "~/new.db", "--events", "~/events.jsonl", "--base-url", "http://127.0.0.1:9"])
    #expect(await events.status(in: context) == .badInput)
    #expect(FileManager.default.fileExists(atPath: stage.folder.file("events.jsonl")))
  }
}
