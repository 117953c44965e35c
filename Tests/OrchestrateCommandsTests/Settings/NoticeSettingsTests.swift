import ArgumentParser
import BatchDomain
import Notifications
import Testing

@testable import OrchestrateCommands

@Suite("Settings about who is told")
struct NoticeSettingsTests {
  private static let url = "https://hooks.example.org/services/s3cret"

  private func job(_ yaml: String) throws -> SettingsLayer {
    try JobFile.parse(Array(yaml.utf8), path: "a.yaml", home: nil).layer
  }

  @Test("a job file has a list of words, or one text")
  func jobFile() throws {
    let layer = try job(
      "notify-url: \(Self.url)\nnotify-command: [mail, -s, \"run ended\", 5]\nheartbeat-url: \(Self.url)/b\n")
    let notices = layer.values.notices
    #expect(notices.address == (try NoticeAddress(Self.url)))
    #expect(notices.command?.words == ["mail", "-s", "run ended", "5"])
    #expect(notices.heartbeat == (try NoticeAddress("\(Self.url)/b")))
    #expect(try job("notify-command: tell -x").values.notices.command?.words == ["tell", "-x"])
  }

  @Test(
    "what is wrong in a job file is said without repeating a secret",
    arguments: [
      ("notify-url: ftp://s3cret", "notify-url does not begin with https://"),
      ("heartbeat-url: http://example.org/s3cret", "heartbeat-url is http to another machine"),
      ("notify-url: [a]", "notify-url is a list, expected a text"),
      ("notify-command: []", "notify-command names no program"),
      ("notify-command: [a, [b]]", "notify-command has a list in it, expected words only"),
      ("notify-command: [a, ~]", "notify-command has nothing in it, expected words only"),
      ("notify-command: {a: b}", "notify-command is a mapping, expected a list of words"),
      ("notify-command: a | b s3cret", "notify-command has the character |"),
    ])
  func wrong(yaml: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) { try job(yaml) }
    #expect(error?.problems.first?.message.hasPrefix(message) == true, "\(String(describing: error))")
    #expect(error?.description.contains("s3cret") == false)
  }

  @Test("the command line wins over the environment, and that over the job file; only the host is shown")
  func layers() throws {
    let environment = try SettingsLayer(environment: [
      "ORCHESTRATE_NOTIFY_URL": Self.url, "ORCHESTRATE_HEARTBEAT_URL": "",
    ])
    var commandLine = SettingsLayer()
    try commandLine.read("tell s3cret", as: setting("notify-command"))
    let resolved = try SettingsLayers(
      commandLine: commandLine, environment: environment,
      jobFile: try job(
        "notify-url: https://other.example.org/\nheartbeat-url: https://beat.example.org/s3cret\n")
    ).resolve()
    #expect(resolved.values.notices.address == (try NoticeAddress(Self.url)))
    #expect(resolved.values.notices.command?.words == ["tell", "s3cret"])
    #expect(resolved.values.notices.heartbeat == (try NoticeAddress("https://beat.example.org/s3cret")))
    let shown = Dictionary(uniqueKeysWithValues: resolved.effective.map { ($0.key, $0) })
    #expect(shown["notify-url"]?.value == "https://hooks.example.org/…")
    #expect(shown["notify-url"]?.source == .environment)
    #expect(shown["notify-command"]?.value == "tell …")
    #expect(shown["heartbeat-url"]?.source == .jobFile)
    #expect(!resolved.text.contains("s3cret"))
  }

  @Test("a variable that cannot be used is named")
  func variable() {
    let error = #expect(throws: ConfigurationError.self) {
      try SettingsLayer(environment: ["ORCHESTRATE_NOTIFY_URL": "s3cret"])
    }
    #expect(error?.message.hasPrefix("$ORCHESTRATE_NOTIFY_URL ") == true)
    #expect(error?.description.contains("s3cret") == false)
  }

  @Test(
    "an option that cannot be used is a wrong argument, and its value is not repeated",
    arguments: [
      ["--notify-url", "ftp://s3cret"], ["--heartbeat-url", "s3cret"], ["--notify-command", "tell 's3cret'"],
    ])
  func options(arguments: [String]) {
    for command in [SubmitCommand.self, ResumeCommand.self] as [any ParsableCommand.Type] {
      let error = #expect(throws: (any Error).self) { try command.parse(["x"] + arguments) }
      guard let error else { return }
      #expect(command.exitCode(for: error) == .validationFailure)
      let message = command.fullMessage(for: error)
      #expect(message.contains(arguments[0]))
      #expect(!message.contains("s3cret"))
    }
  }
}
