/// The number of a chunk within its run, from 0 in the order of the manifest. The pieces of a divided chunk get the next
/// free numbers.
///
/// Chunks and items count from 0, since the service names the elements of a request by position from 0: the first item of
/// a chunk plus that position is the item's number. Attempts, lines and columns count from 1.
package struct ChunkNumber: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The number, 0 or more.
  package let rawValue: Int

  /// Takes a number, 0 or more.
  package init(_ rawValue: Int) { self.rawValue = rawValue }

  /// Orders chunks by number.
  package static func < (left: ChunkNumber, right: ChunkNumber) -> Bool { left.rawValue < right.rawValue }

  /// The number in digits.
  package var description: String { String(rawValue) }
}
