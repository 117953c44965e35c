import BatchDomain
import Reporting
import RunStore

/// Writes how two runs differ.
struct DifferenceReporter {
  let store: SQLiteStore
  let format: ReportFormat

  /// Writes the comparison.
  func write(_ first: RunID, _ second: RunID, to output: inout ClosureOutput) async throws {
    let runs = [try await store.summary(of: first), try await store.summary(of: second)]
    let settings = [try await store.settings(of: first), try await store.settings(of: second)].map(Self.lines)
    let report = DifferenceReport(
      runs,
      settings: zip(settings[0], settings[1]).filter { $0.1 != $1.1 }
        .map { DifferenceReport.Setting($0.0.rawValue, [$0.1, $1.1]) },
      try await DifferenceReport.compare(runs[0], runs[1], in: store))
    switch format {
    case .text, .html: try output.write(report.text())
    case .json: try output.write(report.json())
    case .csv: try output.write(report.csv())
    }
  }

  /// Every setting that is stored with a run, as a job file has it.
  private static func lines(_ settings: RunSettings) -> [(SettingKey, String)] {
    [
      (.baseURL, settings.baseURL), (.profile, settings.profile.rawValue),
      (.chunkSize, String(settings.chunkSize)), (.chunkBytes, ByteSizeText.format(settings.chunkBytes)),
      (.limit, settings.limit.map(String.init) ?? "none"), (.strict, String(settings.strict)),
      (.concurrency, String(settings.concurrency)), (.rate, RateText.format(settings.rates)),
      (.timeout, DurationText.format(settings.timeout)), (.maxAttempts, String(settings.maxAttempts)),
      (.maxWait, DurationText.format(settings.maxWait)), (.onUnknown, settings.onUnknown.rawValue),
      (.settleDelay, DurationText.format(settings.settleDelay)), (.bisect, String(settings.bisect)),
      (.maxFailures, settings.maxFailures.text),
    ]
  }
}
