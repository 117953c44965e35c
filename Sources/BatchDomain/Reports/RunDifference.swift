/// How two runs differ, item by item. An item of one is that of the other where index and object are the same.
package struct RunDifference: Sendable, Equatable {
  /// Items that went from one state to another between the runs.
  package struct Change: Sendable, Equatable {
    /// Their state in the first run; `nil` when it does not have them.
    package var from: ChunkState?
    /// Their state in the second run; `nil` when it does not have them.
    package var to: ChunkState?
    /// How many they are.
    package var items: Int
    /// Up to ``sampleLimit`` of their videos.
    package var objects: [ObjectName]

    /// A change in its parts.
    package init(from: ChunkState?, to: ChunkState?, items: Int, objects: [ObjectName]) {
      self.from = from
      self.to = to
      self.items = items
      self.objects = objects
    }

    /// Whether anything is different.
    package var isChange: Bool { from != to }
  }

  /// Videos that are named of each change at most.
  package static let sampleLimit = 3

  /// What is different first, then what is not; most items first.
  package var changes: [Change]

  /// A difference as it was found.
  package init(_ changes: [Change]) {
    self.changes = changes.sorted {
      ($0.isChange ? 0 : 1, -$0.items, $0.from?.rawValue ?? "", $0.to?.rawValue ?? "")
        < ($1.isChange ? 0 : 1, -$1.items, $1.from?.rawValue ?? "", $1.to?.rawValue ?? "")
    }
  }

  /// Items that both runs have.
  package var inBoth: Int { changes.reduce(0) { $1.from != nil && $1.to != nil ? $0 + $1.items : $0 } }
}

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
