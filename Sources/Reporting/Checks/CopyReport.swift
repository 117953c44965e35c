package import BatchDomain

/// What a copy of a run came to.
package struct CopyReport: Sendable {
  private let run: RunSummary
  private let from: String
  private let to: String

  /// A copy.
  ///
  /// - Parameters:
  ///   - run: as it is in the database that it was copied to.
  ///   - from: the database that it was copied from, as it is shown.
  ///   - to: the database that it was copied to, as it is shown.
  package init(run: RunSummary, from: String, to: String) {
    self.run = run
    self.from = from
    self.to = to
  }

  /// For a person.
  ///
  /// - Parameter database: the database that it was copied to, as commands have to name it.
  package func text(resuming database: String) -> String {
    let next = RunCommands(run: run.run, database: database).next(run)
    return "run \(run.run) copied to \(VisibleText.escape(to)) and checked: "
      + "\(HumanNumber.text(run.items, "item")), \(HumanNumber.text(run.attempts, "attempt"))\n"
      + (next.map { "continue it with: \(VisibleText.escape($0))\n" } ?? "")
  }

  /// The document: `{"from", "to", "run": RUN}`.
  package func document() -> String {
    var json = JSONWriter(.pretty)
    json.beginObject()
    json.member("from", from)
    json.member("to", to)
    json.key("run")
    RunJSON.write(run, to: &json)
    json.endObject()
    return json.take() + "\n"
  }
}

extension RunCommands {
  /// Goes on with a run where something is left of it.
  fileprivate func next(_ run: RunSummary) -> String? {
    switch run.state {
    case .paused, .running: resume(pausedFor: run.reason)
    case .finished: run.counts.items(in: .unknown) > 0 ? resume : nil
    case .cancelled, .planning: nil
    }
  }
}
