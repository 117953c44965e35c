import ArgumentParser
import BatchDomain
import Reporting

/// Which rows a report lists.
struct RowOptions: ParsableArguments {
  @Flag(help: "List the items of the run with the state of each.")
  var items = false

  @Flag(help: "List the attempts to send its chunks.")
  var attempts = false

  @Option(
    help: ArgumentHelp(
      "Show only rows in these states: states of runs without a run, else of chunks.",
      valueName: "state[,state]"))
  var state: [String] = []

  @Option(
    help: ArgumentHelp(
      "Show only rows since a time, such as 2h (ago) or \"2026-11-23 21:15\": runs by creation, else by last answer.",
      valueName: "moment"))
  var since: String?

  @Option(
    help: ArgumentHelp("Show at most N rows.", valueName: "n"),
    transform: { try WholeNumberText.parse($0, for: "--limit", in: 1...Int.max) })
  var limit: Int?

  /// Whether rows are asked for that the report of a run does not have by itself.
  var wantsRows: Bool { items || attempts || !state.isEmpty || since != nil || limit != nil }

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
    guard !state.isEmpty else { return nil }
    return try StateList.parse(state.joined(separator: ","), for: "--state", among: permitted)
  }

  private func moment(in context: ProcessContext) throws(ConfigurationError) -> Timestamp? {
    guard let since else { return nil }
    return try MomentText.parse(since, for: "--since", now: context.clock.now(), zone: context.zone)
  }
}

/// Moments as options have them: a length of time before now, or a date and time as reports show them.
enum MomentText {
  /// What is expected, for messages.
  static let expectation =
    "a moment such as 2h, 2026-11-23, \"2026-11-23 21:15\" or 2026-11-23T20:15:05Z"

  /// Reads a moment.
  ///
  /// A duration is counted back from `now`. A date, or a date and time, without a zone is local.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  static func parse(
    _ text: String, for thing: String, now: Timestamp, zone: LocalZone
  ) throws(ConfigurationError) -> Timestamp {
    if let moment = moment(text[...], zone) { return moment }
    guard let duration = duration(text) else {
      throw ConfigurationError.badValue(thing, text, expected: expectation)
    }
    return now - duration
  }

  private static func duration(_ text: String) -> Duration? {
    do throws(ConfigurationError) {
      return try DurationText.parse(text, for: "", allowingZero: true)
    } catch {
      // What is expected is more than a duration; the caller says so.
      return nil
    }
  }

  private static func moment(_ text: Substring, _ zone: LocalZone) -> Timestamp? {
    guard let date = date(text.prefix(10)) else { return nil }
    var rest = text.dropFirst(10)
    guard !rest.isEmpty else { return zone.moment(at: date) }
    guard rest.first == "T" || rest.first == " ",
      let time = time(rest.dropFirst().prefix { !"Zz+-".contains($0) })
    else { return nil }
    rest = rest.dropFirst().drop { !"Zz+-".contains($0) }
    var civil = date
    (civil.hour, civil.minute, civil.second, civil.millisecond) = time
    if rest.isEmpty { return zone.moment(at: civil) }
    if rest == "Z" || rest == "z" { return civil.timestamp }
    guard rest.first == "+" || rest.first == "-" else { return nil }
    let parts = rest.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let hours = number(parts[0], 2, 0...23), let minutes = number(parts[1], 2, 0...59)
    else { return nil }
    let ahead = Duration.seconds(hours * 3_600 + minutes * 60)
    return rest.first == "-" ? civil.timestamp + ahead : civil.timestamp - ahead
  }

  private static func date(_ text: Substring) -> CivilTime? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let year = number(parts[0], 4, 1970...9999),
      let month = number(parts[1], 2, 1...12),
      let day = number(parts[2], 2, 1...31)
    else { return nil }
    let date = CivilTime(year: year, month: month, day: day)
    return date.checkedTimestamp == nil ? nil : date
  }

  private static func time(_ text: Substring) -> (Int, Int, Int, Int)? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3, let hour = number(parts[0], 2, 0...23),
      let minute = number(parts[1], 2, 0...59)
    else { return nil }
    guard parts.count == 3 else { return (hour, minute, 0, 0) }
    let seconds = parts[2].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let second = number(seconds[0], 2, 0...59) else { return nil }
    guard seconds.count == 2 else { return (hour, minute, second, 0) }
    let digits = seconds[1]
    guard (1...9).contains(digits.count), WholeNumberText.isDigits(digits) else { return nil }
    let thousandths = (digits + "00").prefix(3)
    return number(thousandths, 3, 0...999).map { (hour, minute, second, $0) }
  }

  private static func number(_ digits: Substring, _ length: Int, _ range: ClosedRange<Int>) -> Int? {
    guard digits.count == length, WholeNumberText.isDigits(digits), let number = Int(digits) else {
      return nil
    }
    return range.contains(number) ? number : nil
  }
}

/// States as options name them: `rejected,failed`.
enum StateList {
  /// Reads states separated by commas.
  ///
  /// - Throws: ``ConfigurationError`` when one is no state, or none that is permitted here.
  static func parse<State: RawRepresentable<String> & Hashable>(
    _ text: String, for name: String, among permitted: some Sequence<State>
  ) throws(ConfigurationError) -> Set<State> {
    let words = permitted.map(\.rawValue).sorted()
    var states: Set<State> = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard words.contains(String(word)), let state = State(rawValue: String(word)) else {
        let near = NearestWord.to(String(word), among: words)
        throw ConfigurationError(
          .badValue,
          "\(name) has the state \"\(VisibleText.escape(String(word), cutAt: 40))\""
            + (near.map { " (did you mean \"\($0)\"?)" } ?? "")
            + "; expected some of \(words.joined(separator: ", ")), separated by commas")
      }
      states.insert(state)
    }
    return states
  }
}
