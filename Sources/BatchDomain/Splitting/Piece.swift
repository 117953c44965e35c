/// One of the ranges that take the place of a chunk.
package struct Piece: Sendable, Hashable {
  /// Sequence numbers of its items within the run.
  package var items: Range<Int>
  /// What is known of it: `pending`, or `accepted` where settling saw its items.
  package var state: ChunkState

  /// A range in a state.
  package init(items: Range<Int>, state: ChunkState) {
    self.items = items
    self.state = state
  }

  /// Two parts of a range, both to be sent. The first is as long as the greatest power of two that leaves something
  /// for the second: 50 items become 32 and 18, which finds bad items in fewer requests than even halves do.
  ///
  /// - Parameter items: two items or more.
  package static func halves(of items: Range<Int>) -> [Piece] {
    let levels = (items.count - 1).bitWidth - (items.count - 1).leadingZeroBitCount
    let middle = items.lowerBound + 1 << (levels - 1)
    return [
      Piece(items: items.lowerBound..<middle, state: .pending),
      Piece(items: middle..<items.upperBound, state: .pending),
    ]
  }

  /// The longest ranges of items that were all seen, which are accepted, and of items that were not, which are to
  /// be sent.
  ///
  /// - Parameters:
  ///   - first: sequence number of the first item.
  ///   - isSeen: for each item, in order, whether the service has it.
  package static func ranges(from first: Int, isSeen: [Bool]) -> [Piece] {
    var pieces: [Piece] = []
    for (offset, seen) in isSeen.enumerated() {
      let state: ChunkState = seen ? .accepted : .pending
      let item = first + offset
      if let last = pieces.last, last.state == state {
        pieces[pieces.count - 1].items = last.items.lowerBound..<item + 1
      } else {
        pieces.append(Piece(items: item..<item + 1, state: state))
      }
    }
    return pieces
  }
}

extension Range<Int> {
  /// The items of a row of the store. Numbers of a damaged row may be anything: a count that leads beyond the largest number ends there,
  /// and a negative one is none.
  package init(firstItem: Int, count: Int) {
    let (end, isBeyond) = firstItem.addingReportingOverflow(Swift.max(0, count))
    self = firstItem..<(isBeyond ? .max : end)
  }
}

/// What takes the place of a chunk: pieces that cover it exactly.
package struct Division: Sendable, Hashable {
  /// Why a chunk is divided.
  package enum Cause: Sendable, Hashable {
    /// It was refused for its content, and none of its items was taken.
    case refused
    /// So many attempts, all that are permitted, ended in answers that say nothing.
    case exhausted(maxAttempts: Int)
  }

  /// The pieces in order.
  package var pieces: [Piece]
  /// Attempts that count towards the limit of each piece from the start. A chunk that was divided because its
  /// attempts were used up grants its pieces few of their own, else one bad item takes a night.
  package var countedAttempts: Int

  /// Pieces in the place of a chunk.
  package init(_ pieces: [Piece], countedAttempts: Int = 0) {
    self.pieces = pieces
    self.countedAttempts = countedAttempts
  }
}
