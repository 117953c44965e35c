/// The chunks of a run as a row of cells, in the order of the manifest. Neighbours share a cell where there are
/// many.
package struct ChunkMap: Sendable, Equatable {
  /// A chunk, or several that stand beside each other.
  package struct Cell: Sendable, Equatable {
    /// Sequence numbers of the items, from the first of its first chunk to the last of its last.
    package var items: Range<Int>
    /// Chunks by state; chunks that were split are not counted, their pieces are.
    package var chunks: [ChunkState: Int]

    /// A cell with some chunks of one state.
    package init(items: Range<Int>, chunks: [ChunkState: Int]) {
      self.items = items
      self.chunks = chunks
    }

    /// Chunks in it.
    package var chunkCount: Int { chunks.values.reduce(0, +) }

    /// The state it is shown in: of the states of its chunks the one that needs a look first.
    package var state: ChunkState { ChunkMap.urgency.first { chunks[$0, default: 0] > 0 } ?? .accepted }

    /// Adds the chunks of another cell.
    fileprivate mutating func merge(_ other: Cell) {
      items = min(items.lowerBound, other.items.lowerBound)..<max(items.upperBound, other.items.upperBound)
      chunks.merge(other.chunks, uniquingKeysWith: +)
    }
  }

  /// Cells at most.
  package static let cellLimit = 2_000

  /// The states of chunks in a map, the one that needs a look first at the beginning.
  package static let urgency: [ChunkState] = [
    .rejected, .failed, .unknown, .cancelled, .submitting, .processing, .pending, .accepted,
  ]

  /// Items that share a cell: chunks whose first items, divided by this, give the same.
  package let width: Int
  private var places: [Int: Cell] = [:]

  /// An empty map.
  ///
  /// - Parameters:
  ///   - items: items of the run.
  ///   - chunks: its chunks, those that were split included.
  package init(items: Int, chunks: Int) {
    width = chunks <= Self.cellLimit ? 1 : max(1, (items + Self.cellLimit - 1) / Self.cellLimit)
  }

  /// Adds chunks of one state to their cell.
  ///
  /// - Parameter place: their first item divided by ``width``.
  package mutating func add(_ count: Int, _ state: ChunkState, items: Range<Int>, place: Int) {
    let cell = Cell(items: items, chunks: [state: count])
    if places[place] == nil { places[place] = cell } else { places[place]?.merge(cell) }
  }

  /// The cells in the order of the manifest; at most ``cellLimit``.
  package var cells: [Cell] { places.sorted { $0.key < $1.key }.map(\.value) }
}
