import BatchDomain
import Testing

@testable import OrchestrateCommands

@Suite("layers of settings")
struct SettingsLayersTests {
  @Test func defaultsHoldWhereNobodySaysAnything() throws {
    let resolved = try SettingsLayers(commandLine: SettingsOverrides()).resolve()
    #expect(resolved.settings == RunSettings())
    #expect(resolved.manifest == nil)
    #expect(resolved.settings.bisect)
    #expect(resolved.effective.allSatisfy { $0.source == .builtIn })
    #expect(resolved.effective.map(\.key) == SettingKey.allCases)
  }

  @Test func strongerLayerWinsAndItsSourceIsKept() throws {
    var commandLine = SettingsOverrides()
    commandLine.concurrency = 9
    commandLine.rates = [Rate(count: 1, window: .second)]
    var job = SettingsOverrides()
    job.concurrency = 2
    job.chunkSize = 7
    job.db = "job.db"
    job.rates = [Rate(count: 2, window: .second), Rate(count: 3, window: .day)]
    let environment = SettingsLayers.environment(["ORCHESTRATE_DB": "/env.db"])
    let resolved = try SettingsLayers(commandLine: commandLine, environment: environment, jobFile: job)
      .resolve()
    #expect(resolved.settings.concurrency == 9)
    #expect(resolved.settings.chunkSize == 7)
    #expect(resolved.settings.rates == [Rate(count: 1, window: .second)])
    #expect(resolved.db == "/env.db")
    let sources = Dictionary(uniqueKeysWithValues: resolved.effective.map { ($0.key, $0.source) })
    #expect(sources[.concurrency] == .commandLine)
    #expect(sources[.chunkSize] == .jobFile)
    #expect(sources[.db] == .environment)
    #expect(sources[.timeout] == .builtIn)
    #expect(resolved.text.contains("  concurrency     9 "))
    #expect(resolved.text.contains("1/s"))
  }

  @Test(arguments: SettingKey.allCases)
  func effectiveValueReadsBackAsTheSetting(key: SettingKey) throws {
    let resolved = try SettingsLayers(commandLine: SettingsOverrides()).resolve()
    let setting = try #require(resolved.effective.first { $0.key == key })
    guard setting.value != "none" else { return }
    var overrides = SettingsOverrides()
    try overrides.read(setting.value, as: key)
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
    ] as [@Sendable (inout SettingsOverrides) -> Void])
  func valueOutOfItsRangeIsRefused(change: @Sendable (inout SettingsOverrides) -> Void) {
    var overrides = SettingsOverrides()
    change(&overrides)
    let error = #expect(throws: ConfigurationError.self) {
      try SettingsLayers(commandLine: overrides).resolve()
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

  @Test(arguments: [[:], ["HOME": ""], ["HOME": "h", "XDG_STATE_HOME": ""]])
  func databaseWithoutAnyPlaceIsRefused(environment: [String: String]) {
    let error = #expect(throws: ConfigurationError.self) {
      try DatabasePath.resolve(given: nil, environment: environment)
    }
    #expect(error?.code == .noDatabasePath)
    #expect(error?.remedy == "give one with --db PATH")
  }
}
