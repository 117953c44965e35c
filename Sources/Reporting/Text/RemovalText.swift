package import BatchDomain

/// What a removal of old runs came to, or would come to, for a person and for a program.
package struct RemovalReport: Sendable {
  /// Runs that are gone from now on.
  package private(set) var runs = 0
  /// Their items.
  package private(set) var items = 0
  /// About how many bytes are free for later runs.
  package private(set) var bytes = 0

  private let age: Duration
  private let isDryRun: Bool
  private let zone: LocalZone
  private let database: String?
  /// Runs that an earlier removal had made invisible, and whose rows went now.
  private var rests = 0
  /// The first runs that are removed.
  private var removed: [OldRun] = []
  /// Runs that are kept, by the reason.
  private var kept: [KeptRun: [RunID]] = [:]

  /// Runs that a line names at most, and that are listed at most.
  private static let named = 3
  private static let listed = 10

  /// A report on nothing yet.
  ///
  /// - Parameters:
  ///   - age: the runs are older than that.
  ///   - isDryRun: whether nothing is changed.
  ///   - database: the path given with `--db`; `nil` without that option.
  package init(olderThan age: Duration, isDryRun: Bool, zone: LocalZone, database: String?) {
    self.age = age
    self.isDryRun = isDryRun
    self.zone = zone
    self.database = database
  }

  /// Adds what became of a run.
  package mutating func add(_ run: OldRun, _ removal: RunRemoval) {
    if let reason = removal.kept {
      // Another process is removing it.
      if !run.isBegun { kept[reason, default: []].append(run.run) }
      return
    }
    bytes += removal.bytes
    if run.isBegun {
      if removal.bytes > 0 { rests += 1 }
      return
    }
    runs += 1
    items += run.items
    if removed.count < Self.listed { removed.append(run) }
  }

  /// The JSON document.
  package func document() -> String {
    var json = JSONWriter(.pretty)
    json.beginObject()
    json.member("runs", runs)
    json.member("items", items)
    json.member("bytes", bytes)
    json.endObject()
    return json.take() + "\n"
  }

  /// What was removed, as lines without line ends.
  package var lines: [String] {
    guard runs > 0 else {
      return ["no run is removed: none that is over is older than \(DurationText.format(age))"] + restLines
    }
    var lines = [
      "\(isDryRun ? "would remove" : "removed") \(HumanNumber.text(runs, "run")) with \(HumanNumber.text(items, "item")), "
        + "about \(HumanBytes.text(bytes)) of the database:"
    ]
    for run in removed {
      lines.append(
        "  \(run.run): \(HumanNumber.text(run.items, "item")), last change \(zone.brief(run.lastChangeAt))")
    }
    if runs > removed.count { lines.append("  and \(HumanNumber.text(runs - removed.count)) more") }
    lines += restLines
    lines.append(
      isDryRun
        ? "nothing was changed"
        : "what they had accepted, and what was rejected for good, stays known; later runs use their room in the file"
    )
    return lines
  }

  private var restLines: [String] {
    guard rests > 0 else { return [] }
    let verb = isDryRun ? "would remove" : "removed"
    return [
      "\(verb) what was left of \(HumanNumber.text(rests, "run")) that an earlier prune had removed"
    ]
  }

  /// What was left alone and why, as lines without line ends; none when nothing was.
  package var keptLines: [String] {
    kept.map { reason, runs in (order: Self.order(reason), text: line(reason, runs.sorted())) }
      .sorted { ($0.order, $0.text) < ($1.order, $1.text) }.map { "left alone: \($0.text)" }
  }

  private static func order(_ reason: KeptRun) -> Int {
    switch reason {
    case .live: 0
    case .unfinished: 1
    case .unknown: 2
    case .needed: 3
    case .inconsistent: 4
    case .recent: 5
    }
  }

  private func line(_ reason: KeptRun, _ runs: [RunID]) -> String {
    let count = HumanNumber.text(runs.count)
    let noun = runs.count == 1 ? "run" : "runs"
    var names = runs.prefix(Self.named).map(\.rawValue).joined(separator: ", ")
    if runs.count > Self.named { names += ", ..." }
    func command(_ command: AdvisedCommand) -> String {
      "`\(VisibleText.escape(command.text(database: database)))`"
    }
    let first = runs[0]
    switch reason {
    case .recent:
      return "\(count) \(noun) newer than \(DurationText.format(age))"
    case .live:
      return "\(count) live \(noun) (\(names))"
    case .unfinished:
      return "\(count) unfinished \(noun) (\(names)); \(command(.resume(first))) continues "
        + (runs.count == 1 ? "it" : "the first") + ", \(command(.cancel(first))) ends it"
    case .unknown:
      return "\(count) \(noun) with lost answers that are not settled (\(names)); "
        + "\(command(.report(first))) says what to do"
    case .needed(let other):
      return
        "\(count) \(noun) (\(names)) with videos of the same names as those whose answers run \(other) lost; "
        + "\(command(.report(other))) says what to do"
    case .inconsistent:
      return "\(count) \(noun) with records that contradict each other (\(names)); "
        + "\(command(.verify(first))) names them"
    }
  }
}
