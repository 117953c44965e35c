internal import BatchDomain

/// The ids that the service gave lately, and for which chunks: an id that comes for a second chunk tells that the answer is
/// not about what was sent.
///
/// It has the last 50,000 to 100,000 of a process, as hashes, which takes 4 MB at most however long the run is. What it forgot,
/// and what another process was given, `verify` compares. A hash that two ids share makes an answer `unknown`, which is then
/// looked up; nothing is lost by it.
struct GivenIDs: Sendable {
  /// Ids after which the older half is forgotten.
  static let generation = 50_000

  private struct Given: Hashable {
    let step: ChunkStep
    let id: String
  }

  private var young: [Int: ChunkNumber] = [:]
  private var old: [Int: ChunkNumber] = [:]

  /// Nothing was given yet.
  init() {}

  /// Takes note of an id that an answer for a chunk has.
  ///
  /// - Returns: the chunk that has it already, where that is another one.
  mutating func note(_ id: String, of chunk: ChunkNumber, at step: ChunkStep) -> ChunkNumber? {
    let key = Given(step: step, id: id).hashValue
    if let holder = young[key] ?? old[key] { return holder == chunk ? nil : holder }
    if young.count == Self.generation {
      old = young
      young = [:]
    }
    young[key] = chunk
    return nil
  }
}
