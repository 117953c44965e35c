import BatchDomain
import Testing

@testable import OrchestrateCommands

@Suite("job files")
struct JobFileTests {
  private func parse(_ yaml: String, path: String = "jobs/a.yaml", home: String? = "/home/me") throws
    -> JobFile
  {
    try JobFile.parse(Array(yaml.utf8), path: path, home: home)
  }

  private func problems(_ yaml: String) -> [JobFileProblem] {
    let error = #expect(throws: ConfigurationError.self) { try parse(yaml) }
    #expect(error?.code == .jobFileInvalid)
    if let first = error?.problems.first {
      #expect(error?.message.hasPrefix("jobs/a.yaml:\(first.line):\(first.column): \(first.message)") == true)
    }
    return error?.problems ?? []
  }

  @Test func everyKeyIsRead() throws {
    let job = try parse(
      """
      name: night
      description: |
        Two
        lines.
      manifest: videos.json
      base-url: https://example.org/
      profile: v1.3
      chunk-size: 1
      chunk-bytes: 512KiB
      concurrency: 6
      rate: [5/s, 100/min]
      item-rate: 700/day
      media-rate: 600min/hour
      window: [mon-fri 22:00-06:00, "sat,sun 08:00-20:00"]
      timezone: Europe/Berlin
      exit-outside: true
      ahead: 30
      timeout: 2m
      max-attempts: 3
      max-wait: 1h30m
      on-unknown: hold
      settle-delay: 0s
      settle-grace: 2m
      max-failures: 2.5%
      bisect: false
      limit: 1000
      strict: true
      new-only: true
      aws-profile: media archive
      s3-region: eu-central-1
      s3-endpoint: https://s3.example.org/
      url-lifetime: 6h
      request-payer: requester
      db: ../state/a.db
      store-patience: 5m
      api-key-file: ~/key
      track: true
      """)
    var expected = SubmitSettings()
    expected.name = "night"
    expected.description = "Two\nlines.\n"
    expected.manifests = ManifestNames(["jobs/videos.json"], mayBePatterns: true)
    expected.run.baseURL = "https://example.org"
    expected.run.profile = .v1_3
    expected.run.chunkSize = 1
    expected.run.chunkBytes = 512 << 10
    expected.run.concurrency = 6
    expected.run.rates = [Rate(count: 5, window: .second), Rate(count: 100, window: .minute)]
    expected.run.itemRates = [Rate(count: 700, window: .day)]
    expected.run.mediaRates = [MediaRate(minutes: 600, window: .hour)]
    expected.run.windows = [
      SendingWindow(
        days: [.monday, .tuesday, .wednesday, .thursday, .friday], opens: 22 * 60, closes: 6 * 60),
      SendingWindow(days: [.saturday, .sunday], opens: 8 * 60, closes: 20 * 60),
    ]
    expected.run.zone = "Europe/Berlin"
    expected.run.exitsOutside = true
    expected.run.ahead = 30
    expected.run.timeout = .seconds(120)
    expected.run.maxAttempts = 3
    expected.run.maxWait = .seconds(5_400)
    expected.run.onUnknown = .hold
    expected.run.settleDelay = .zero
    expected.run.settleGrace = .seconds(120)
    expected.run.maxFailures = .percent(2.5)
    expected.run.bisect = false
    expected.run.limit = 1_000
    expected.run.strict = true
    expected.run.newOnly = true
    expected.run.objects.profile = "media archive"
    expected.run.objects.region = "eu-central-1"
    expected.run.objects.endpoint = "https://s3.example.org/"
    expected.run.objects.urlLifetime = .seconds(6 * 3_600)
    expected.run.objects.requestPayer = .requester
    expected.db = "jobs/../state/a.db"
    expected.storePatience = .seconds(300)
    expected.apiKeyFile = "/home/me/key"
    expected.tracks = true
    #expect(job.layer.values == expected)
    let unread: Set = ["notify-url", "notify-command", "heartbeat-url"]
    #expect(job.layer.given == Set(SubmitSettings.table.map(\.key)).subtracting(unread))
  }

  @Test(arguments: [
    ("chunksize: 5", "unknown key \"chunksize\", did you mean \"chunk-size\"?"),
    ("chunk_size: 5", "unknown key \"chunk_size\", did you mean \"chunk-size\"?"),
    ("Manifest: a", "unknown key \"Manifest\", did you mean \"manifest\"?"),
    ("manfiest: a", "unknown key \"manfiest\", did you mean \"manifest\"?"),
    ("dp: a", "unknown key \"dp\", did you mean \"db\"?"),
    ("max-retries: 3", "unknown key \"max-retries\", expected one of name, description, manifest, base-url"),
    ("\"a\\eb\": 3", "unknown key \"a\\x1bb\", expected one of"),
    ("<<: {}", "unknown key \"<<\""), ("[a]: 3", "found a list as a key, expected a word"),
  ])
  func unknownKeyIsRefusedWithItsPlaceAndTheNearestName(line: String, message: String) {
    let problems = problems("# comment\nstrict: true\n\(line)\n")
    #expect(problems.count == 1)
    #expect(problems.first?.line == 3)
    #expect(problems.first?.column == 1)
    #expect(problems.first?.message.hasPrefix(message) == true, "\(problems)")
  }

  @Test(arguments: ["api-key", "api_key", "API-KEY", "apikey", "x-api-key", "TWELVELABS_API_KEY"])
  func theKeyItselfIsRefusedAndNeverRepeated(name: String) {
    let error = #expect(throws: ConfigurationError.self) { try parse("\(name): tlk_SECRET\n") }
    #expect(error?.description.contains("$TWELVELABS_API_KEY") == true)
    #expect(error?.description.contains("SECRET") == false)
  }

  @Test(arguments: [
    ("concurrency: many", 14, "concurrency is \"many\", expected a whole number from 1 to 256"),
    (
      "concurrency: \"4\"", 14,
      "concurrency is the text \"4\" in quotes, expected a whole number without quotes"
    ),
    ("concurrency: 4.0", 14, "concurrency is \"4.0\", expected a whole number"),
    ("concurrency: 0", 14, "concurrency is \"0\", expected a whole number"),
    ("concurrency: 010", 14, "concurrency is \"010\", expected a whole number"),
    ("concurrency: [4]", 14, "concurrency is a list, expected a whole number"),
    ("concurrency:", 13, "concurrency is nothing, expected a whole number"),
    ("timeout: 30", 10, "timeout is \"30\", expected a duration such as"),
    ("timeout: 0s", 10, "timeout is \"0s\", expected a duration longer than zero"),
    ("timeout: {s: 30}", 10, "timeout is a mapping, expected a value with its unit"),
    ("strict: yes", 9, "strict is \"yes\", expected true or false"),
    ("strict: \"true\"", 9, "strict is the text \"true\" in quotes, expected true or false"),
    ("name: ~", 7, "name is nothing, expected a text"),
    ("name: \"\"", 7, "name is \"\", expected a text of 1 to 200 characters"),
    ("name: [a, b]", 7, "name is a list, expected a text"),
    ("manifest: [a, {b: c}]", 15, "manifest is a mapping, expected a text"),
    ("profile: v2", 10, "profile is \"v2\", expected one of v1, v1.1, v1.2"),
    ("rate: fast", 7, "rate is \"fast\", expected a rate such as"),
    ("rate: {a: 1}", 7, "rate is a mapping, expected"),
    ("chunk-bytes: 1", 14, "chunk-bytes is \"1\", expected a size from 2B to 1GiB"),
    ("base-url: http://example.org", 11, "base-url is http to another machine"),
    ("max-failures: 200%", 15, "max-failures is \"200%\", expected a number of items"),
  ])
  func mistypedValueIsRefusedWithItsPlace(line: String, column: Int, message: String) {
    let problems = problems("description: x\n\(line)\n")
    #expect(problems.count == 1)
    #expect(problems.first?.line == 2)
    #expect(problems.first?.column == column)
    #expect(problems.first?.message.hasPrefix(message) == true, "\(problems)")
  }

  @Test func allProblemsAreReportedAtOnceInTheirOrder() throws {
    let yaml = "concurrency: many\nmanfiest: a\nrate:\n  - 5/s\n  - 5/week\n  - fast\nname: ok\n"
    #expect(problems(yaml).map(\.line) == [1, 2, 5, 6])
    let error = #expect(throws: ConfigurationError.self) { try parse(yaml) }
    #expect(error?.message.hasSuffix("(and 3 more problems)") == true)
  }

  @Test func anchorsAndAliasesAreFine() throws {
    let settings = try parse("timeout: &t 30s\nsettle-delay: *t\nrate: &r [5/s]\n").layer.values.run
    #expect(settings.settleDelay == .seconds(30))
    #expect(settings.rates.count == 1)
    #expect(problems("name: &n many\nconcurrency: *n\n").first?.line == 2)
  }

  @Test func emptyListOfRatesMeansNoLimit() throws {
    let layer = try parse("rate: []").layer
    #expect(layer.values.run.rates == [])
    #expect(layer.given == ["rate"])
  }

  @Test(arguments: [
    ("", 1, "the file is empty"), ("# only a comment\n", 1, "the file is empty"),
    ("---\n", 2, "the file is empty"),
    ("- a\n", 1, "found a list, expected keys"), ("just words\n", 1, "found \"just words\", expected keys"),
    ("name: a\nlimit: 1\nname: b\n", 1, "the key \"name\" is there more than once"),
    ("name: [a\n", 2, "not YAML: "), ("name: a\n\tlimit: 1\n", 2, "not YAML: "),
    ("name: *x\n", 1, "not YAML: "),
    ("name: a\n---\nname: b\n", 2, "a second YAML document"), ("name: \"a\n", 2, "not YAML: "),
    ("name: a\nlimit: \u{1}\n", 2, "not YAML: "), ("a: b: c\n", 1, "not YAML: "),
    (String(repeating: "[", count: 100_000), 1, "not YAML: "),
    (String(repeating: "{a: ", count: 100_000), 1, "not YAML: "),
  ])
  func whatIsNoMappingIsRefused(yaml: String, line: Int, message: String) {
    let problems = problems(yaml)
    #expect(problems.first?.message.hasPrefix(message) == true, "\(problems)")
    #expect(problems.first?.line == line, "\(problems)")
  }

  @Test(arguments: [
    ("manifest: *.json\n", #"begins with * in quotes, such as "*.json""#),
    ("manifest: [*.json, b]\n", #"begins with * in quotes, such as "*.json""#),
    ("name: *x\n", "begins with * in quotes"), ("manifest: &.json\n", "begins with & in quotes"),
    ("name: @home\n", "begins with @, % or a back quote in quotes"),
    ("name: `x`\n", "begins with @, % or a back quote in quotes"),
    ("name: %x\n", "begins with @, % or a back quote in quotes"),
    ("name: a: b\n", #"has ": " in it in quotes"#), ("manifest: -\n", #"is - in quotes ("-")"#),
    ("manifest: a\n\tname: b\n", "indent with spaces, not tabs"),
  ])
  func valuesThatNeedQuotesAreToldSo(yaml: String, advice: String) {
    #expect(problems(yaml).first?.message.contains(advice) == true, "\(problems(yaml))")
  }

  @Test(arguments: [
    #"{"index_id":"a","object":"s3://b/c.mp4"}"#, #"[{"index_id":"a","object":"s3://b/c.mp4"}]"#,
    "{\"object\":\"s3://b/c.mp4\",\"index_id\":\"a\"}\n{\"object\":\"s3://b/d.mp4\",\"index_id\":\"a\"}\n",
  ])
  func manifestIsToldAsOne(text: String) throws {
    #expect(
      problems(text).map(\.message).allSatisfy { $0.hasPrefix("this is a manifest, expected a job file") })
    #expect(try parse(#"{"manifest": "a.json"}"#).layer.values.manifests.names == ["jobs/a.json"])
  }

  @Test func fileOfUnknownKeysIsNotReadToItsEnd() {
    let problems = problems((0..<5_000).map { "word\($0): x\n" }.joined())
    #expect(problems.count == 21)
    #expect(problems.last?.message.hasPrefix("the rest is not read: 20 keys are unknown") == true)
  }

  @Test func excerptsOfBrokenYAMLAreNotRepeated() {
    let error = #expect(throws: ConfigurationError.self) { try parse("api-key: \"tlk_SECRET\n") }
    #expect(error?.description.contains("SECRET") == false)
  }

  @Test func deepBlocksAreRefusedOrRead() {
    _ = problems(String(repeating: "- ", count: 100_000) + "a\n")
  }

  @Test func whatIsNotUTF8IsRefused() {
    let error = #expect(throws: ConfigurationError.self) {
      try JobFile.parse([0x6E, 0xFF, 0xFE], path: "a.yaml", home: nil)
    }
    #expect(error?.code == .jobFileUnreadable)
    #expect(error?.message == "job file \"a.yaml\" is not UTF-8")
    #expect(error?.remedy?.description.contains("iconv -f LATIN1") == true)
    let wide = #expect(throws: ConfigurationError.self) {
      try JobFile.parse([0xFF, 0xFE, 0x61, 0x00, 0x3A, 0x00], path: "a.yaml", home: nil)
    }
    #expect(wide?.message == "job file \"a.yaml\" is UTF-16, expected UTF-8")
    #expect(wide?.remedy?.description.contains("iconv -f UTF-16") == true)
  }

  @Test func byteOrderMarkIsTolerated() throws {
    #expect(try parse("\u{FEFF}name: a\n").layer.values.name == "a")
    #expect(problems("\u{FEFF}nmae: a\n").first?.column == 1)
  }

  @Test(arguments: [
    ("a.yaml", "m.json", "m.json"), ("jobs/a.yaml", "./m.json", "jobs/m.json"),
    ("/j/a.yaml", "../m", "/j/../m"),
    ("jobs/a.yaml", "/m.json", "/m.json"), ("jobs/a.yaml", "-", "-"), ("jobs/a.yaml", "~/m", "/home/me/m"),
    ("/a.yaml", "m", "/m"), ("a.yaml", "./-", "./-"), ("a.yaml", "./~/m", "./~/m"),
    ("jobs/a.yaml", "./~x", "jobs/~x"), ("a.yaml", "~", "/home/me"),
  ])
  func pathsAreRelativeToTheJobFile(file: String, path: String, result: String) throws {
    #expect(
      try parse("manifest: \"\(path)\"", path: file, home: "/home/me/").layer.values.manifests.names == [
        result
      ])
    #expect(
      try parse("manifest: [\"\(path)\", b]", path: file, home: "/home/me/").layer.values.manifests.names
        .first
        == result)
  }

  @Test func homePathWithoutAHomeIsRefused() {
    let error = #expect(throws: ConfigurationError.self) { try parse("manifest: ~/m", home: nil) }
    #expect(error?.problems.first?.message.contains("$HOME") == true)
  }
}
