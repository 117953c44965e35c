import BatchDomain

/// Accepted items of earlier runs on their way into the table, or to a comparison: as many as memory has for them.
struct KnownSlice: Sendable {
  /// An item, and where it was accepted.
  struct Entry: Sendable, Comparable {
    /// `origin.id` of the service that accepted it.
    var origin: Int64
    let identity: ItemIdentity
    let run: Int64
    let sequence: Int

    static func < (one: Entry, other: Entry) -> Bool {
      if one.origin != other.origin { return one.origin < other.origin }
      return one.identity == other.identity
        ? (one.run, one.sequence) < (other.run, other.sequence) : one.identity < other.identity
    }
  }

  /// Entries at most, of 40 bytes each, up to a read more.
  static let size = 1 << 18

  /// In order, so that the table is filled and read along its keys.
  private(set) var entries: [Entry] = []

  var isFull: Bool { entries.count >= Self.size }

  mutating func append(_ more: [Entry]) { entries += more }

  mutating func sort() { entries.sort() }
}

/// Planned items in the order of their identities: as many as memory has for them.
struct PlannedSlice: Sendable {
  struct Entry: Sendable, Comparable {
    let identity: ItemIdentity
    let sequence: Int

    static func < (one: Entry, other: Entry) -> Bool {
      one.identity == other.identity ? one.sequence < other.sequence : one.identity < other.identity
    }
  }

  let entries: [Entry]

  /// Items in a read: others get their turn in between.
  private static let readSize = 1 << 13

  /// The next items, `KnownSlice.size` at most; `nil` when there are none.
  static func next(of items: any IdentifiedItems, from first: Int) async throws -> PlannedSlice? {
    var entries: [Entry] = []
    while entries.count < KnownSlice.size {
      let start = first + entries.count
      let page = try await items.identities(from: start, limit: readSize)
      entries += page.enumerated().map { Entry(identity: $1, sequence: start + $0) }
      if page.count < readSize { break }
    }
    guard !entries.isEmpty else { return nil }
    return PlannedSlice(entries: entries.sorted())
  }

  /// Walks along known items in order, of which each may be there several times.
  ///
  /// - Parameter position: where in the entries to begin; moved on.
  /// - Returns: the sequence numbers of the items that are the known one.
  func matches(_ known: ItemIdentity, from position: inout Int) -> [Int] {
    while position < entries.count, entries[position].identity < known { position += 1 }
    var found: [Int] = []
    var next = position
    while next < entries.count, entries[next].identity == known {
      found.append(entries[next].sequence)
      next += 1
    }
    return found
  }
}

/// What was found of planned items among known ones.
struct KnownMatch: Sendable {
  /// A bit for each planned item.
  private var bits: [UInt64] = []
  /// Planned items that were found.
  private(set) var items = 0
  /// `run.id` of the runs they were found in.
  private(set) var runs: Set<Int64> = []

  mutating func add(_ sequence: Int, in run: Int64) {
    runs.insert(run)
    let word = sequence / 64
    if word >= bits.count { bits += Array(repeating: 0, count: word + 1 - bits.count) }
    let bit: UInt64 = 1 << UInt64(sequence % 64)
    if bits[word] & bit == 0 {
      bits[word] |= bit
      items += 1
    }
  }
}
