internal import BatchDomain

/// The environment that a notice's command gets.
package enum CommandEnvironment {
  /// The program's own environment without its secrets.
  ///
  /// - Parameters:
  ///   - secrets: variables that are left out, and so is every other one that has the value of one of them in it.
  package static func of(_ environment: [String: String], without secrets: [String]) -> [String: String] {
    let values = secrets.compactMap { environment[$0] }.filter { !$0.isEmpty }
    return environment.filter { name, value in
      !secrets.contains(name) && !values.contains { value.contains($0) }
    }
  }

  /// The variables that tell a command what it is about.
  static func of(_ notice: RunNotice) -> [String: String] {
    [
      "ORCHESTRATE_RUN_ID": notice.run.run.rawValue,
      "ORCHESTRATE_EVENT": notice.event.rawValue,
      "ORCHESTRATE_STATE": notice.run.state.rawValue,
    ]
  }
}
