import ArgumentParser
import BatchDomain
import Foundation
import Testing

@testable import OrchestrateCommands

/// The row of a key; the tests name only settings that there are.
func setting(_ key: String) throws -> Setting<SubmitSettings> { try #require(SubmitSettings.setting(key)) }

@Suite("The table of settings")
struct SettingTableTests {
  private static let root = (1...4).reduce(URL(filePath: #filePath)) { url, _ in
    url.deletingLastPathComponent()
  }

  /// The cells of a table's rows in a page, without back quotes.
  private static func rows(_ page: String) throws -> [[String]] {
    try String(contentsOf: root.appending(path: page), encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("| ") }
      .map { line in
        line.replacing("\\|", with: "¦").split(separator: "|").map {
          $0.trimmingCharacters(in: .whitespaces).replacing("`", with: "")
        }
      }
  }

  @Test(
    "every setting has one row in docs/settings.md, with its option, default, variable and what resume may do"
  )
  func reference() throws {
    let rows = try Self.rows("docs/settings.md")
    for setting in SubmitSettings.table {
      let found = rows.filter {
        $0.count >= 4 && $0[1].split(separator: " ").first.map(String.init) == setting.key
      }
      #expect(found.count == 1, "\(setting.key)")
      guard let row = found.first else { continue }
      let hasOption = setting.section != .none
      #expect(row[0].contains(setting.option) == hasOption, "\(setting.key): \(row[0])")
      let isNotification = setting.section == .notifications
      let value = row[isNotification ? 3 : 2]
      let shown = setting.text(SubmitSettings())
      #expect(
        shown.map { $0 == value } ?? ["none", "-", "see below"].contains(value),
        "\(setting.key): the page says \(value), the default is \(shown ?? "none")")
      guard !isNotification else {
        #expect(row[2] == setting.variable ?? "-")
        continue
      }
      let resume =
        switch setting.resuming {
        case .fixed: "fixed"
        case .changes: "yes"
        case .asGiven: "as given"
        case .ignored: "-"
        }
      #expect(row[3].hasPrefix(resume), "\(setting.key): the page says \(row[3]), expected \(resume)")
    }
  }

  @Test("jobs/job.schema.json has the keys, descriptions, defaults, types, choices and bounds of the table")
  func schema() throws {
    let data = try Data(contentsOf: Self.root.appending(path: "jobs/job.schema.json"))
    let schema = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(schema["additionalProperties"] as? Bool == false)
    let properties = try #require(schema["properties"] as? [String: [String: Any]])
    #expect(Set(properties.keys) == Set(SubmitSettings.table.map(\.key)))
    for setting in SubmitSettings.table {
      guard let property = properties[setting.key] else { continue }
      let (key, text) = (setting.key, setting.text(SubmitSettings()))
      #expect(property["description"] as? String == setting.help, "\(key)")
      #expect(property["enum"] as? [String] ?? [] == setting.choices, "\(key)")
      switch setting.shape {
      case .flag:
        #expect(property["type"] as? String == "boolean", "\(key)")
        #expect((property["default"] as? Bool).map(FlagText.format) == text, "\(key)")
      case .number:
        #expect(property["type"] as? String == "integer", "\(key)")
        #expect((property["default"] as? Int).map(String.init) == text, "\(key)")
        #expect(property["minimum"] as? Int == setting.bounds?.lowerBound, "\(key)")
        let most = setting.bounds.flatMap { $0.upperBound == .max ? nil : $0.upperBound }
        #expect(property["maximum"] as? Int == most, "\(key)")
      case .text, .quantity, .wordList:
        let kinds = (property["anyOf"] as? [[String: Any]] ?? [property]).compactMap { $0["type"] as? String }
        #expect(kinds.contains("string") || !setting.choices.isEmpty, "\(key)")
        #expect(property["default"] as? String == text, "\(key)")
        #expect(kinds.contains("array") == (setting.isList || setting.readWords != nil), "\(key)")
        guard let bounds = setting.bounds else { continue }
        let number = (property["anyOf"] as? [[String: Any]])?.first { $0["type"] as? String == "integer" }
        #expect(number?["minimum"] as? Int == bounds.lowerBound, "\(key)")
        #expect(number?["maximum"] as? Int == bounds.upperBound, "\(key)")
      }
    }
  }

  @Test("help of submit has an option for every setting that has one, with its sentence and its default")
  func help() {
    let help = SubmitCommand.helpMessage(columns: 2_000)
    for setting in SubmitSettings.table where setting.section != .none {
      let line = help.split(separator: "\n").first { $0.hasPrefix("  \(setting.option)") }
      #expect(line?.contains(setting.help) == true || help.contains(setting.help), "\(setting.key)")
      #expect(line != nil, "\(setting.key)")
    }
    #expect(help.contains("in flight at most. Default: 4."))
    #expect(help.contains("--bisect/--no-bisect") && help.contains("Default: --bisect."))
  }

  @Test("every setting that is stored comes back from its stored form")
  func stored() throws {
    var settings = RunSettings()
    settings.baseURL = "https://example.org"
    settings.profile = .v1_2
    (settings.chunkSize, settings.chunkBytes, settings.limit) = (7, 4_096, 9)
    (settings.strict, settings.bisect) = (true, false)
    settings.rates = [Rate(count: 3, window: .hour), Rate(count: 4, window: .day, step: .upload)]
    settings.mediaRates = [MediaRate(minutes: 5, window: .hour)]
    settings.ahead = 9
    settings.timeout = .milliseconds(1_500)
    settings.maxFailures = .percent(2.5)
    settings.onUnknown = .hold
    settings.objects.profile = "p"
    settings.objects.urlLifetime = .seconds(60)
    settings.objects.requestPayer = .requester
    var read = RunSettings()
    for row in RunSettings.table { #expect(row.restore(&read, row.store(settings)), "\(row.key)") }
    #expect(read == settings)
    #expect(Set(RunSettings.table.compactMap(\.storedKey)).count == RunSettings.table.count)
  }
}
