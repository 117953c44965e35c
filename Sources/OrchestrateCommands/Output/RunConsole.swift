import BatchDomain
import Logging
import Reporting

/// What a command shows on standard error while it works: progress, notes and log lines.
struct RunConsole {
  /// How progress is shown.
  enum Progress {
    /// Not at all.
    case none
    /// A line every so often and at each change of condition.
    case lines
    /// Lines that are drawn again and again.
    case live(LiveDisplay)
  }

  /// The command's context; notes go above a live display.
  private(set) var context: ProcessContext
  /// How progress is shown.
  let progress: Progress
  /// Standard error itself, below a live display.
  private let diagnostics: any TextSink
  /// Where log lines go.
  let logger: Logger

  /// The same with another clock, where there is one: that of a store.
  func on(_ clock: (any BatchClock)?) -> RunConsole {
    var console = self
    console.context = context.on(clock)
    return console
  }

  /// What the options ask for, as far as the terminal can do it.
  ///
  /// - Parameter isOutputTaken: events go to standard output while the command works; where that is a terminal,
  ///   nothing else is drawn there.
  init(_ show: ShowOptions, in context: ProcessContext, isOutputTaken: Bool = false) {
    self.init(
      progress: show.progress, logger: (show.logFormat, show.logLevel.level), in: context,
      isOutputTaken: isOutputTaken)
  }

  private init(
    progress options: ProgressOptions, logger: (LogFormat, Logger.Level),
    in context: ProcessContext, isOutputTaken: Bool
  ) {
    var context = context
    diagnostics = context.diagnostics
    switch options.progress {
    case .never: progress = .none
    case .always: progress = .lines
    case .auto:
      if Self.canDraw(in: context), !(isOutputTaken && context.output.isTerminal) {
        let display = LiveDisplay(
          on: context.diagnostics, isColored: options.color.isWanted(in: context.environment),
          patience: context.patience)
        context.diagnostics = display
        progress = .live(display)
      } else {
        progress = .lines
      }
    }
    self.context = context
    self.logger = Self.logger(logger.0, logger.1, context)
  }

  /// A console of a command that logs nothing.
  ///
  /// - Parameter isOutputTaken: the result goes to standard output while the command works.
  init(_ progress: ProgressOptions, in context: ProcessContext, isOutputTaken: Bool = false) {
    self.init(
      progress: progress, logger: (.text, .warning), in: context, isOutputTaken: isOutputTaken)
  }

  /// A console without progress.
  init(quietIn context: ProcessContext) {
    self.context = context
    diagnostics = context.diagnostics
    progress = .none
    logger = Self.logger(.text, .warning, context)
  }

  /// The same, with results going elsewhere.
  func delivering(to output: any TextSink) -> RunConsole {
    var copy = self
    copy.context.output = output
    return copy
  }

  /// Leaves the terminal in order when a signal ends the process at once, and says what to do then.
  ///
  /// - Parameter removal: what else is done first; it must not wait.
  func tidy(_ signals: StopSignals, _ farewell: String, also removal: @escaping @Sendable () -> Void = {}) {
    let (progress, diagnostics) = (progress, diagnostics)
    signals.beforeLeaving {
      removal()
      if case .live(let display) = progress { display.leave() }
      diagnostics.writeIfReady(farewell + "\n")
    }
  }

  private static func canDraw(in context: ProcessContext) -> Bool {
    let terminal = context.environment["TERM"] ?? ""
    return context.diagnostics.isTerminal && !terminal.isEmpty && terminal != "dumb"
  }

  private static func logger(
    _ format: LogFormat, _ level: Logger.Level, _ context: ProcessContext
  ) -> Logger {
    var logger = Logger(label: "orchestrate") { _ in
      DiagnosticsLog(format: format, context: context)
    }
    logger.logLevel = level
    return logger
  }
}

extension ColorChoice {
  /// Whether a live display is coloured (https://no-color.org: `NO_COLOR` that is not empty says no).
  func isWanted(in environment: [String: String]) -> Bool {
    switch self {
    case .always: true
    case .never: false
    case .auto: (environment["NO_COLOR"] ?? "").isEmpty
    }
  }
}

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

  /// A reader that is too slow loses what explains before what warns.
  private func write(_ line: String, _ level: Logger.Level) {
    if level < .warning { context.noteProgress(line) } else { context.note(line) }
  }
}
