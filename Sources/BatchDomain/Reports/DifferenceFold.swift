/// Compares the items of two runs in parts, so that memory does not grow with the runs: all items of the first run go in,
/// then all of the second; a part keeps those that belong to it and passes over the rest.
///
/// Items are compared by 128 bits of a hash over index and object: a report may be wrong once in a lifetime of runs, a
/// submission may not.
package struct DifferenceFold: Sendable {
  /// Items of the first run that a part holds, on average.
  package static let partSize = 1_000_000

  /// How many parts runs of so many items are compared in.
  package static func parts(for items: Int) -> Int { max(1, (items + partSize - 1) / partSize) }

  /// Items that the first run has and the second does not, of one state.
  package struct Missing: Sendable, Equatable {
    /// How many.
    package var items: Int
    /// Sequence numbers of the first of them in the first run.
    package var sequences: [Int]
  }

  /// An index and an object, as 128 bits of a hash. Two pairs that chance makes alike would be counted as one item;
  /// nothing that is sent depends on it.
  private struct Key: Hashable {
    let high: Int
    let low: Int

    init(_ item: ItemSummary) {
      high = Self.hash(item, salt: 0)
      low = Self.hash(item, salt: 1)
    }

    private static func hash(_ item: ItemSummary, salt: Int) -> Int {
      var hasher = Hasher()
      hasher.combine(salt)
      hasher.combine(item.indexID)
      hasher.combine(item.object)
      return hasher.finalize()
    }
  }

  private struct Entry {
    let sequence: Int
    let state: ChunkState
  }

  private let part: Int
  private let parts: Int
  private var first: [Key: Entry] = [:]
  private var changes: [ChunkState?: [ChunkState: RunDifference.Change]] = [:]

  /// Compares one part.
  ///
  /// - Parameter part: which, from 0.
  package init(part: Int, of parts: Int) {
    self.part = part
    self.parts = parts
  }

  /// Adds an item of the first run.
  package mutating func addFirst(_ item: ItemSummary) {
    guard let key = key(of: item) else { return }
    first[key] = Entry(sequence: item.sequence, state: item.state)
  }

  /// Adds an item of the second run, after all of the first.
  package mutating func addSecond(_ item: ItemSummary) {
    guard let key = key(of: item) else { return }
    let from = first.removeValue(forKey: key)?.state
    var change =
      changes[from]?[item.state] ?? RunDifference.Change(from: from, to: item.state, items: 0, objects: [])
    change.items += 1
    if change.objects.count < RunDifference.sampleLimit { change.objects.append(item.object) }
    changes[from, default: [:]][item.state] = change
  }

  /// What the second run's items came to.
  package var matched: [RunDifference.Change] { changes.values.flatMap(\.values) }

  /// The items that only the first run has, once all of the second were added.
  package var missing: [ChunkState: Missing] {
    Dictionary(grouping: first.values, by: \.state).mapValues { entries in
      Missing(
        items: entries.count,
        sequences: Array(entries.map(\.sequence).sorted().prefix(RunDifference.sampleLimit)))
    }
  }

  private func key(of item: ItemSummary) -> Key? {
    let key = Key(item)
    return Int(UInt(bitPattern: key.high) % UInt(parts)) == part ? key : nil
  }
}

extension RunDifference {
  /// Puts the changes of all parts together.
  package init(parts: [[Change]]) {
    var changes: [Change] = []
    for change in parts.joined() {
      guard let place = changes.firstIndex(where: { $0.from == change.from && $0.to == change.to }) else {
        changes.append(change)
        continue
      }
      changes[place].items += change.items
      changes[place].objects = Array((changes[place].objects + change.objects).prefix(Self.sampleLimit))
    }
    self.init(changes)
  }
}
