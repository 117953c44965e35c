/// Where an item stands in the table of items: `run.id * 2^40 + sequence`.
enum ItemPosition {
  /// Items a run can have: 2^40.
  static let runShift: Int64 = 40

  /// The position of an item.
  static func of(run: Int64, sequence: Int) -> Int64 { (run << runShift) + Int64(sequence) }

  /// The sequence number of the item at a position.
  static func sequence(at position: Int64) -> Int { Int(position & ((1 << runShift) - 1)) }
}
