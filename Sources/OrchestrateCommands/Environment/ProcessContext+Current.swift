import BatchDomain
import Foundation
import Reporting

extension ProcessContext {
  /// The context of this process.
  static func current() -> ProcessContext {
    ProcessContext(
      environment: ProcessInfo.processInfo.environment, output: StandardStream.output,
      diagnostics: QueuedOutput(
        to: StandardStream.diagnostics, label: "orchestrate.diagnostics", name: "standard error"),
      clock: SystemClock(), random: SystemRandom(),
      zone: LocalZone { moment in
        TimeZone.current.secondsFromGMT(for: Date(timeIntervalSince1970: Double(moment.milliseconds) / 1_000))
      })
  }

  /// Writes a line to standard error. Whether anybody reads it changes nothing: a lost terminal never stops a
  /// run.
  func note(_ line: String) {
    do { try diagnostics.write(line + "\n") } catch {}
  }

  /// Writes a line to standard error that only says how far something is.
  func noteProgress(_ line: String) { diagnostics.writeProgress(line + "\n") }
}
