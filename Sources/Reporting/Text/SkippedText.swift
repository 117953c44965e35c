package import BatchDomain

/// What a run left out because earlier runs have it, for a person.
package struct SkippedText: Sendable {
  private let database: String?

  /// A text that advises commands.
  ///
  /// - Parameter database: the path given with `--db`; `nil` without that option.
  package init(database: String?) { self.database = database }

  /// Runs and reasons that a line names at most.
  private static let shown = 3

  /// A line for each kind, without line ends; none when nothing was left out.
  package func lines(_ groups: [KnownGroup]) -> [String] {
    [KnownClass.accepted, .open, .rejected].compactMap { kind in line(kind, groups.filter { $0.kind == kind })
    }
  }

  private func line(_ kind: KnownClass, _ groups: [KnownGroup]) -> String? {
    guard let first = groups.first else { return nil }
    let total = groups.reduce(0) { $0 + $1.items }
    var text = "\(HumanNumber.text(total, "item")) skipped, \(Self.words(kind)): "
    text += groups.prefix(Self.shown).map(part).joined(separator: ", ")
    let rest = groups.dropFirst(Self.shown)
    if !rest.isEmpty {
      text += " and \(HumanNumber.text(rest.reduce(0) { $0 + $1.items })) in "
      text += HumanNumber.text(Set(rest.map(\.run)).count, "other run")
    }
    switch kind {
    case .open:
      let commands = RunCommands(run: first.run, database: database)
      text +=
        "; to go on with \(groups.count == 1 ? "it" : "the first"): `\(VisibleText.escape(commands.resume))`"
    case .rejected:
      text += "; "
      if let reported = groups.first(where: { !$0.isRemoved })?.run {
        let commands = RunCommands(run: reported, database: database)
        text += "`\(VisibleText.escape(commands.report))` says more, "
      }
      text += "--again sends them again"
    case .accepted, .new, .changed: break
    }
    return text
  }

  private func part(_ group: KnownGroup) -> String {
    let code = group.code.map { " (\(VisibleText.escape($0, cutAt: 80)))" } ?? ""
    let removed = group.isRemoved ? ", removed since" : ""
    return "\(HumanNumber.text(group.items)) in run \(group.run)\(code)\(removed)"
  }

  private static func words(_ kind: KnownClass) -> String {
    switch kind {
    case .accepted: "accepted earlier"
    case .open: "still open in an unfinished run"
    case .rejected: "rejected for good"
    case .new, .changed: "known"
    }
  }
}
