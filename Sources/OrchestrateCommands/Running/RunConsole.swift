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
  let context: ProcessContext
  /// How progress is shown.
  let progress: Progress
  /// Standard error itself, below a live display.
  private let diagnostics: any TextSink
  /// Where log lines go.
  let logger: Logger

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
          on: context.diagnostics, isColored: options.color.isWanted(in: context.environment))
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
  init(_ progress: ProgressOptions, in context: ProcessContext) {
    self.init(progress: progress, logger: (.text, .warning), in: context, isOutputTaken: false)
  }

  /// A console without progress.
  init(quietIn context: ProcessContext) {
    self.context = context
    diagnostics = context.diagnostics
    progress = .none
    logger = Self.logger(.text, .warning, context)
  }

  /// Leaves the terminal in order when a signal ends the process at once, and says what to do then.
  func tidy(_ signals: StopSignals, _ farewell: String) {
    let (progress, diagnostics) = (progress, diagnostics)
    signals.beforeLeaving {
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
