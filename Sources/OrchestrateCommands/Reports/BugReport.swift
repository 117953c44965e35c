import BatchDomain
import Foundation
import Reporting

/// What to send with a report of a bug: versions, settings, counts and the last events, and nothing secret.
///
/// What a person may not want others to see is left out by what is written, not by looking for it: names of objects, texts of
/// the service, addresses with a query, and values of variables.
struct BugReport {
  /// Runs that are told of, the newest.
  static let runs = 20
  /// Attempts of the newest run that are told of at most.
  static let attempts = 200

  /// Variables of which the name is told when they are set: what they are set to is nobody's business.
  static let variables = [
    "TWELVELABS_API_KEY", "ORCHESTRATE_", "AWS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy",
    "https_proxy", "no_proxy", "SSL_CERT_FILE", "PGPASSFILE", "PGSERVICE", "XDG_", "TMPDIR", "SQLITE_TMPDIR",
    "TZ",
    "LANG", "LC_ALL", "INVOCATION_ID", "KUBERNETES_SERVICE_HOST", "container",
  ]

  let checks: [HealthCheck]
  /// Where the store is.
  let database: String
  let context: ProcessContext

  /// The document.
  func document() async -> String {
    var json = JSONWriter(.pretty)
    json.beginObject()
    json.key("made_at")
    json.value(context.clock.now())
    json.key("program")
    json.beginObject()
    for (key, text) in [
      ("version", OrchestrateCommand.version), ("commit", OrchestrateCommand.commit),
      ("sqlite", StoreOpener.sqliteVersion),
    ] {
      json.key(key)
      json.value(text)
    }
    json.key("store_format")
    json.value(StoreOpener.formats.sqlite)
    json.key("postgresql_format")
    json.value(StoreOpener.formats.postgres)
    json.endObject()
    machine(&json)
    json.key("checks")
    json.beginArray()
    for check in checks {
      json.beginObject()
      json.member("check", check.subject.rawValue)
      json.member("status", check.status.rawValue)
      json.member("message", check.isShareable ? Self.withoutSecrets(check.message) : check.shareable)
      json.endObject()
    }
    json.endArray()
    await store(&json)
    json.endObject()
    return json.take() + "\n"
  }

  private func machine(_ json: inout JSONWriter) {
    let process = ProcessInfo.processInfo
    json.key("machine")
    json.beginObject()
    json.member("system", Self.system)
    json.member("distribution", Self.distribution)
    json.member("processors", process.activeProcessorCount)
    json.member("memory", Int(clamping: process.physicalMemory))
    json.member("database", StoreOpener.isServer(database) ? "postgresql" : "sqlite")
    json.key("variables")
    json.beginArray()
    for name in context.environment.keys.sorted()
    where Self.variables.contains(where: { $0.hasSuffix("_") ? name.hasPrefix($0) : name == $0 }) {
      json.value(name)
    }
    json.endArray()
    json.endObject()
  }

  /// Kernel and machine, as `uname` has them.
  private static var system: String {
    var names = utsname()
    guard uname(&names) == 0 else { return "unknown" }
    func text<T>(_ field: T) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
  }

  /// The name of the distribution, as os-release(5) has it; `nil` where there is none.
  private static var distribution: String? {
    guard let data = FileManager.default.contents(atPath: "/etc/os-release") else { return nil }
    let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first {
      $0.hasPrefix("PRETTY_NAME=")
    }
    return line.map { $0.dropFirst("PRETTY_NAME=".count).trimmingCharacters(in: ["\""]) }
  }

  /// The newest runs, or why they cannot be read.
  private func store(_ json: inout JSONWriter) async {
    // Read first, written then: an error in the middle leaves no half of a document.
    let found: [Found]
    do {
      found = try await read()
    } catch {
      json.key("runs")
      json.beginArray()
      json.endArray()
      json.member("runs_error", Self.withoutSecrets(CommandFailure(error).message))
      return
    }
    json.key("runs")
    json.beginArray()
    for run in found { write(run, to: &json) }
    json.endArray()
  }

  /// A run as it is told.
  private struct Found {
    let summary: RunSummary
    let settings: RunSettings
    let causes: [CauseSummary]
    /// Of the newest run alone.
    var attempts: [AttemptSummary] = []
  }

  private func read() async throws -> [Found] {
    guard try StoreOpener.exists(at: database) else { return [] }
    let store = try await StoreOpener.openForReading(database, in: context)
    var found: [Found] = []
    for summary in try await store.summaries(before: nil, limit: Self.runs) {
      var run = Found(
        summary: summary, settings: try await store.settings(of: summary.run),
        causes: try await store.causes(of: summary.run))
      if found.isEmpty {
        run.attempts = try await store.latestAttempts(of: summary.run, limit: Self.attempts)
      }
      found.append(run)
    }
    try await store.close()
    return found
  }

  private func write(_ run: Found, to json: inout JSONWriter) {
    let summary = run.summary
    json.beginObject()
    json.member("run_id", summary.run.rawValue)
    json.member("state", summary.state.rawValue)
    json.member("reason", summary.reason?.rawValue)
    json.key("created_at")
    json.value(summary.createdAt)
    json.key("finished_at")
    json.value(summary.finishedAt)
    json.member("items", summary.items)
    json.member("repeated", summary.repeated)
    json.member("skipped", summary.skipped)
    RunJSON.write(summary.counts, to: &json)
    json.member("attempts", summary.attempts)
    json.key("sending_seconds")
    json.seconds(summary.sendingTime)
    json.key("settings")
    json.beginObject()
    for setting in RunSettings.table where !setting.isSecret {
      json.member(setting.key, setting.text(run.settings).map(Self.withoutSecrets))
    }
    json.endObject()
    json.key("causes")
    json.beginArray()
    for cause in run.causes {
      json.beginObject()
      json.member("code", cause.code)
      json.member("outcome", cause.outcome.rawValue)
      json.member("items", cause.items)
      json.member("chunks", cause.chunks)
      json.key("first_at")
      json.value(cause.firstAt)
      json.key("last_at")
      json.value(cause.lastAt)
      json.endObject()
    }
    json.endArray()
    json.key("last_attempts")
    json.beginArray()
    for attempt in run.attempts {
      json.beginObject()
      json.member("chunk", attempt.key.chunk.rawValue)
      json.member("attempt", attempt.key.number)
      json.member("step", attempt.step.rawValue)
      json.key("started_at")
      json.value(attempt.startedAt)
      json.key("finished_at")
      json.value(attempt.finishedAt)
      json.member("outcome", attempt.outcome?.rawValue)
      json.member("status", attempt.status)
      json.member("code", attempt.code)
      json.endObject()
    }
    json.endArray()
    json.endObject()
  }

  /// A text without names of objects and without what follows the path of an address.
  static func withoutSecrets(_ text: String) -> String {
    text.replacing(/s3:\/\/\S+/, with: "s3://[left out]")
      .replacing(/(https?:\/\/[^\s?#]*)[?#]\S*/) { "\($0.1)?[left out]" }
  }
}
