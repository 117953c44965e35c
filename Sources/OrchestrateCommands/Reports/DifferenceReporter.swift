import BatchDomain
import Reporting

/// Writes how two runs differ.
struct DifferenceReporter {
  let store: any RunCatalog
  let format: ReportFormat

  /// Writes the comparison.
  func write(_ first: RunID, _ second: RunID, to output: inout ClosureOutput) async throws {
    let runs = [try await store.summary(of: first), try await store.summary(of: second)]
    let report = DifferenceReport(
      runs, settings: [try await store.settings(of: first), try await store.settings(of: second)],
      try await DifferenceReport.compare(runs[0], runs[1], in: store))
    switch format {
    case .text, .html: try output.write(report.text())
    case .json: try output.write(report.json())
    case .csv: try output.write(report.csv())
    }
  }
}
