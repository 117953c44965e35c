/// The number of a chunk within its run, from 0 in the order of the manifest; child chunks of a split follow
/// after the last.
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
