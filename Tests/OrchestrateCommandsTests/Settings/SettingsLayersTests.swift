import BatchDomain
import Testing

@testable import OrchestrateCommands

@Suite("layers of settings")
struct SettingsLayersTests {
  @Test func defaultsHoldWhereNobodySaysAnything() throws {
    let resolved = try SettingsLayers().resolve()
    #expect(resolved.settings == RunSettings())
    #expect(resolved.values.manifests.names.isEmpty)
    #expect(resolved.settings.bisect)
    #expect(resolved.effective.allSatisfy { $0.source == .builtIn })
    #expect(resolved.effective.map(\.key) == SubmitSettings.table.map(\.key))
  }

  @Test func strongerLayerWinsAndItsSourceIsKept() throws {
    var commandLine = SettingsLayer()
    try commandLine.read("9", as: setting("concurrency"))
    try commandLine.read("1/s", as: setting("rate"))
    var job = SettingsLayer()
    for (key, text) in [
      ("concurrency", "2"), ("chunk-size", "7"), ("db", "job.db"), ("rate", "2/s"), ("rate", "3/day"),
    ] { try job.read(text, as: setting(key)) }
    #expect(job.values.run.rates == [Rate(count: 2, window: .second), Rate(count: 3, window: .day)])
    let environment = try SettingsLayer(environment: ["ORCHESTRATE_DB": "/env.db"])
    let resolved = try SettingsLayers(commandLine: commandLine, environment: environment, jobFile: job)
      .resolve()
    #expect(resolved.settings.concurrency == 9)
    #expect(resolved.settings.chunkSize == 7)
    #expect(resolved.settings.rates == [Rate(count: 1, window: .second)])
    #expect(resolved.values.db == "/env.db")
    let sources = Dictionary(uniqueKeysWithValues: resolved.effective.map { ($0.key, $0.source) })
    #expect(sources["concurrency"] == .commandLine)
    #expect(sources["chunk-size"] == .jobFile)
    #expect(sources["db"] == .environment)
    #expect(sources["timeout"] == .builtIn)
    #expect(resolved.text.contains("  concurrency     9 "))
    #expect(resolved.text.contains("1/s"))
  }

  @Test(arguments: SubmitSettings.table.map(\.key))
  func effectiveValueReadsBackAsTheSetting(key: String) throws {
    let resolved = try SettingsLayers().resolve()
    let shown = try #require(resolved.effective.first { $0.key == key })
    guard shown.value != "none" else { return }
    var overrides = SettingsLayer()
    try overrides.read(shown.value, as: setting(key))
    #expect(try SettingsLayers(commandLine: overrides).resolve().settings == resolved.settings)
  }

  @Test(
    arguments: [
      { $0.chunkSize = 0 }, { $0.chunkBytes = 1 }, { $0.concurrency = 0 }, { $0.concurrency = 257 },
      { $0.maxAttempts = 0 }, { $0.timeout = .zero }, { $0.maxWait = .seconds(-1) },
      { $0.settleDelay = .seconds(-1) }, { $0.settleGrace = .seconds(-1) },
      { $0.limit = 0 }, { $0.rates = [Rate(count: 0, window: .second)] },
      { $0.baseURL = "http://example.org" },
      { $0.maxWait = .seconds(Int64.max / 4) },
    ] as [@Sendable (inout RunSettings) -> Void])
  func valueOutOfItsRangeIsRefused(change: @Sendable (inout RunSettings) -> Void) {
    var run = RunSettings()
    change(&run)
    var layer = SettingsLayer()
    for row in RunSettings.table { layer.give(row.key, \.run, run) }
    let error = #expect(throws: ConfigurationError.self) {
      try SettingsLayers(commandLine: layer).resolve()
    }
    #expect(error?.code == .badValue)
  }

  @Test(
    arguments: [
      ("given.db", ["ORCHESTRATE_DB": "/e.db"], "given.db"),
      (nil, ["ORCHESTRATE_DB": "e.db", "XDG_STATE_HOME": "/x", "HOME": "/h"], "e.db"),
      (nil, ["ORCHESTRATE_DB": "", "XDG_STATE_HOME": "/x/", "HOME": "/h"], "/x/orchestrate/orchestrate.db"),
      (nil, ["XDG_STATE_HOME": "relative", "HOME": "/h"], "/h/.local/state/orchestrate/orchestrate.db"),
      (nil, ["HOME": "/"], "/.local/state/orchestrate/orchestrate.db"),
    ] as [(String?, [String: String], String)])
  func databaseIsFound(given: String?, environment: [String: String], path: String) throws {
    #expect(try DatabasePath.resolve(given: given, environment: environment) == path)
  }

  @Test(
    "a path with a slash at its end is a folder and no database", arguments: ["new/", "/tmp/", "~/", "./"])
  func folder(path: String) {
    for (given, environment) in [(path, [:]), (nil, ["ORCHESTRATE_DB": path])]
      as [(String?, [String: String])]
    {
      let error = #expect(throws: ConfigurationError.self) {
        try DatabasePath.resolve(given: given, environment: environment.merging(["HOME": "/h"]) { $1 })
      }
      #expect(error?.code == .badValue && error?.message.contains("expected the path of a file") == true)
    }
  }

  @Test(
    "an address that no database has is refused wherever it is given, and its password is shown nowhere",
    arguments: ["mysql://u:hunter2@h/d", "postgresql://u:hunter2@h/d", "host=h password=hunter2"])
  func addresses(text: String) throws {
    var layer = SettingsLayer()
    try layer.read(text, as: setting("db"))
    let errors: [ConfigurationError] = [
      try #require(throws: ConfigurationError.self) {
        try DatabasePath.resolve(given: text, environment: [:])
      },
      try #require(throws: ConfigurationError.self) {
        try DatabasePath.resolve(given: nil, environment: ["ORCHESTRATE_DB": text])
      },
      try #require(throws: ConfigurationError.self) { try SettingsLayers(commandLine: layer).resolve() },
      try #require(throws: ConfigurationError.self) {
        try JobFile.parse(Array("db: \"\(text)\"".utf8), path: "jobs/a.yaml", home: nil)
      },
    ]
    for error in errors { #expect(!error.description.contains("hunter2"), "\(error)") }
    #expect(StoreOpener.advised(text) == nil)
    #expect(try DatabasePath.resolve(given: "./\(text)", environment: [:]) == "./\(text)")
  }

  @Test(arguments: [[:], ["HOME": ""], ["HOME": "h", "XDG_STATE_HOME": ""]])
  func databaseWithoutAnyPlaceIsRefused(environment: [String: String]) {
    let error = #expect(throws: ConfigurationError.self) {
      try DatabasePath.resolve(given: nil, environment: environment)
    }
    #expect(error?.code == .noDatabasePath)
    #expect(error?.remedy == "give one with --db PATH")
  }
}
