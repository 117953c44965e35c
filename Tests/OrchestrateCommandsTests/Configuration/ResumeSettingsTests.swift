import BatchDomain
import Testing

@testable import OrchestrateCommands

@Suite("settings of a resumed run")
struct ResumeSettingsTests {
  @Test func paceRetryAndLimitsMayChange() throws {
    var overrides = SettingsOverrides()
    for (key, text) in [
      (SettingKey.baseURL, "https://example.org"), (.concurrency, "9"), (.rate, "1/s"), (.timeout, "5s"),
      (.maxAttempts, "2"), (.maxWait, "1h"), (.onUnknown, "hold"), (.settleDelay, "0s"), (.settleGrace, "5m"),
      (.maxFailures, "7"),
    ] { try overrides.read(text, as: key) }
    var stored = RunSettings()
    stored.chunkSize = 3
    let settings = try ResumeSettings.apply(overrides, to: stored)
    var expected = RunSettings()
    expected.chunkSize = 3
    expected.baseURL = "https://example.org"
    expected.concurrency = 9
    expected.rates = [Rate(count: 1, window: .second)]
    expected.timeout = .seconds(5)
    expected.maxAttempts = 2
    expected.maxWait = .seconds(3_600)
    expected.onUnknown = .hold
    expected.settleDelay = .zero
    expected.settleGrace = .seconds(300)
    expected.maxFailures = .items(7)
    #expect(settings == expected)
    #expect(try ResumeSettings.apply(SettingsOverrides(), to: stored) == stored)
  }

  @Test(
    arguments: [
      (.manifest, "a"), (.profile, "v1.1"), (.chunkSize, "1"), (.chunkBytes, "1MiB"), (.limit, "1"),
      (.strict, "true"),
    ] as [(SettingKey, String)])
  func whatThePlanDependsOnIsFixed(key: SettingKey, text: String) throws {
    var overrides = SettingsOverrides()
    try overrides.read(text, as: key)
    let error = #expect(throws: ConfigurationError.self) {
      try ResumeSettings.apply(overrides, to: RunSettings())
    }
    #expect(error?.message == "--\(key.rawValue) cannot change once a run is planned")
  }
}
