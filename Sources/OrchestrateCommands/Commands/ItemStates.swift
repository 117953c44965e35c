import BatchDomain

/// States as options name them: `rejected,failed`.
enum ItemStates {
  /// Reads states separated by commas.
  ///
  /// - Throws: ``ConfigurationError`` when one is no state, or none that is permitted here.
  static func parse(
    _ text: String, for name: String, among permitted: Set<ChunkState>
  ) throws(ConfigurationError) -> Set<ChunkState> {
    var states: Set<ChunkState> = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let state = ChunkState(rawValue: String(word)), permitted.contains(state) else {
        let expected = permitted.map(\.rawValue).sorted().joined(separator: ", ")
        let near = NearestWord.to(String(word), among: permitted.map(\.rawValue).sorted())
        throw ConfigurationError(
          .badValue,
          "\(name) has the state \"\(VisibleText.escaped(String(word), limit: 40))\""
            + (near.map { " (did you mean \"\($0)\"?)" } ?? "") + "; expected some of \(expected), "
            + "separated by commas")
      }
      states.insert(state)
    }
    return states
  }
}
