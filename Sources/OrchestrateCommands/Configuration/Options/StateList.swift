import BatchDomain

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
          "\(name) has the state \"\(VisibleText.escaped(String(word), limit: 40))\""
            + (near.map { " (did you mean \"\($0)\"?)" } ?? "")
            + "; expected some of \(words.joined(separator: ", ")), separated by commas")
      }
      states.insert(state)
    }
    return states
  }
}
