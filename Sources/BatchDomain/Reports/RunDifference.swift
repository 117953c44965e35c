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
