package import BatchDomain

extension RunJSON {
  /// Writes the members `chunks` and `items_by_state` of an object, every state listed.
  package static func write(_ counts: StateCounts, to json: inout JSONWriter) {
    json.key("chunks")
    write(counts.chunks, of: ChunkState.allCases, to: &json)
    json.key("items_by_state")
    write(counts.items, of: ChunkState.itemStates, to: &json)
  }
}
