import BatchDomain
import Logging
import Reporting

/// Writes log messages where diagnostics go, one per line, as text or as JSON.
struct DiagnosticsLog: LogHandler {
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]

  private let format: LogFormat
  private let context: ProcessContext

  /// Members that every JSON line has; metadata of the same name gets `metadata_` before it.
  private static let members: Set<String> = ["at", "level", "message"]

  /// A log that goes to the diagnostics of a context.
  init(format: LogFormat, context: ProcessContext) {
    self.format = format
    self.context = context
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    switch format {
    case .text:
      let words = all.map { " \($0.key)=\(VisibleText.escape("\($0.value)", cutAt: 200))" }.joined()
      write(
        "\(context.clock.now()) \(event.level): \(VisibleText.escape("\(event.message)"))\(words)",
        event.level)
    case .json:
      var json = JSONWriter(.compact)
      json.beginObject()
      json.key("at")
      json.value(context.clock.now())
      json.key("level")
      json.value(event.level.rawValue)
      json.key("message")
      json.value("\(event.message)")
      for (key, value) in all {
        json.key(Self.members.contains(key) ? "metadata_\(key)" : key)
        json.value("\(value)")
      }
      json.endObject()
      write(json.take(), event.level)
    }
  }

  /// Whoever reads too slowly loses what explains before what warns.
  private func write(_ line: String, _ level: Logger.Level) {
    if level < .warning { context.noteProgress(line) } else { context.note(line) }
  }
}
