/// The findings of one manifest: the first ones in full, the others counted.
///
/// Memory is bounded by `keptLimit` whatever the manifest. Fatal findings are kept in preference to warnings.
package struct FindingLog: Sendable, Equatable {
  /// The most findings kept in full.
  package static let keptLimit = 20

  /// The findings kept in full, in file order, at most `keptLimit`.
  package private(set) var kept: [Finding] = []
  /// How many fatal findings there are, kept or not.
  package private(set) var fatalCount = 0
  /// How many warnings there are, kept or not.
  package private(set) var warningCount = 0

  /// Makes an empty log.
  package init() {}

  /// How many findings there are, kept or not.
  package var total: Int { fatalCount + warningCount }
  /// How many findings are only counted.
  package var unkeptCount: Int { total - kept.count }
  /// Whether any finding is fatal.
  package var hasFatal: Bool { fatalCount > 0 }

  /// Whether a finding of `severity` at `line` and `column`, or slightly after it, might be kept, so that its text is
  /// needed.
  package func mightKeep(_ severity: Finding.Severity, line: Int, column: Int) -> Bool {
    guard kept.count >= FindingLog.keptLimit else { return true }
    let rival: Finding?
    switch severity {
    case .fatal: rival = kept.last { $0.severity == .warning } ?? kept.last
    case .warning: rival = kept.last { $0.severity == .warning }
    }
    guard let rival else { return false }
    return (severity == .fatal && rival.severity == .warning)
      || (line, column) < (rival.line ?? 0, rival.column ?? 0)
  }

  /// Counts a finding that `mightKeep` refused.
  package mutating func count(_ severity: Finding.Severity) {
    switch severity {
    case .fatal: fatalCount += 1
    case .warning: warningCount += 1
    }
  }

  /// Counts a finding, and keeps it if there is room or if it displaces a less serious one or one further down the
  /// file.
  package mutating func record(_ finding: Finding) {
    count(finding.severity)
    let place = kept.firstIndex { finding.precedes($0) } ?? kept.endIndex
    kept.insert(finding, at: place)
    if kept.count > FindingLog.keptLimit {
      kept.remove(at: kept.lastIndex { $0.severity == .warning } ?? kept.endIndex - 1)
    }
  }
}
