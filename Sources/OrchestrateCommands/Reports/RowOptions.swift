import ArgumentParser
import BatchDomain
import Reporting

/// Which rows a report lists.
struct RowOptions: ParsableArguments {
  @Flag(help: "List the items of the run with what became of each.")
  var items = false

  @Flag(help: "List the tries to submit its chunks.")
  var attempts = false

  @Option(
    help: ArgumentHelp(
      "Only rows in these states: of runs in the history, else of chunks.", valueName: "state[,state]"))
  var state: String?

  @Option(
    help: ArgumentHelp(
      "Only rows since a moment, such as 2h (ago) or \"2026-11-23 21:15\": runs created, else chunks answered.",
      valueName: "moment"))
  var since: String?

  @Option(
    help: ArgumentHelp("Show at most N rows.", valueName: "n"),
    transform: { try WholeNumberText.parse($0, for: "--limit", in: 1...Int.max) })
  var limit: Int?

  /// Whether rows are asked for that the report of a run does not have by itself.
  var wantsRows: Bool { items || attempts || state != nil || since != nil || limit != nil }

  /// Refuses values that mean nothing, before anything is opened.
  ///
  /// - Throws: `ValidationError`.
  func check(isHistory: Bool) throws {
    do throws(ConfigurationError) {
      if isHistory {
        _ = try states(among: RunState.allCases)
      } else {
        _ = try states(among: items ? ChunkState.itemStates : ChunkState.allCases)
      }
      if let since {
        _ = try MomentText.parse(since, for: "--since", now: Timestamp(milliseconds: 0), zone: .utc)
      }
    } catch {
      throw ValidationError(error.message)
    }
  }

  /// Which runs of the history are meant.
  func runs(in context: ProcessContext) throws(ConfigurationError) -> RunFilter {
    RunFilter(
      states: try states(among: RunState.allCases), since: try moment(in: context))
  }

  /// Which chunks, items or attempts of a run are meant.
  func rows(in context: ProcessContext) throws(ConfigurationError) -> RowFilter {
    RowFilter(
      states: try states(among: items ? ChunkState.itemStates : ChunkState.allCases),
      since: try moment(in: context))
  }

  private func states<State: RawRepresentable<String> & Hashable>(
    among permitted: [State]
  ) throws(ConfigurationError) -> Set<State>? {
    guard let state else { return nil }
    return try StateList.parse(state, for: "--state", among: permitted)
  }

  private func moment(in context: ProcessContext) throws(ConfigurationError) -> Timestamp? {
    guard let since else { return nil }
    return try MomentText.parse(since, for: "--since", now: context.clock.now(), zone: context.zone)
  }
}
