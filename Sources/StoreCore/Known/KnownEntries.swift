import BatchDomain

/// An item in a sorted list: which it is, what it says, and a mark: a sequence number, or what became of it and in which run.
struct KnownEntry: Sendable, Equatable {
  let high: Int64
  let low: Int64
  let content: UInt64
  let mark: UInt64

  /// Bytes of an entry in a page.
  static let size = 32

  /// An item of a list, by its place in it.
  init(_ item: ItemFingerprint, sequence: Int) {
    self.init(item, mark: UInt64(sequence))
  }

  /// An item of a run, by what became of it.
  init(_ item: ItemFingerprint, _ mark: KnownMark) { self.init(item, mark: mark.rawValue) }

  private init(_ item: ItemFingerprint, mark: UInt64) {
    high = item.identity.high
    low = item.identity.low
    content = item.content
    self.mark = mark
  }

  /// Place in the list, where it is one of a list.
  var sequence: Int { Int(mark) }

  /// What became of it, where it is one of a run.
  var known: KnownMark { KnownMark(rawValue: mark) }

  /// Whether it is the same item, whatever it says.
  @inline(__always)
  func isSame(as other: KnownEntry) -> Bool { high == other.high && low == other.low }

  /// The order of a list; items that are the same may be in any order.
  @inline(__always)
  static func precedes(_ one: KnownEntry, _ other: KnownEntry) -> Bool {
    one.high == other.high ? one.low < other.low : one.high < other.high
  }
}

/// What became of an item in a run.
struct KnownMark: Sendable, Equatable {
  let rawValue: UInt64

  init(rawValue: UInt64) { self.rawValue = rawValue }

  /// A mark in its parts.
  ///
  /// - Parameters:
  ///   - kind: ``KnownClass/new`` where it is neither accepted nor rejected any more.
  ///   - reason: `known_reason.id`; 0 for none.
  ///   - run: `run.id`.
  init(_ kind: KnownClass, reason: Int = 0, run: Int64) {
    rawValue = UInt64(truncatingIfNeeded: run) << 32 | UInt64(reason & 0xFF_FFFF) << 8 | UInt64(kind.rawValue)
  }

  /// What became of it.
  var kind: KnownClass { KnownClass(rawValue: UInt8(truncatingIfNeeded: rawValue)) ?? .new }
  /// `known_reason.id`; 0 for none.
  var reason: Int { Int(rawValue >> 8 & 0xFF_FFFF) }
  /// `run.id`.
  var run: Int64 { Int64(rawValue >> 32) }
}

/// Sorted entries in the table `known_page`, of the store or of a temporary database.
enum KnownPages {
  /// Entries in a page, but for the last.
  static let entriesPerPage = 2_048
  /// Pages that are written in one transaction.
  static let pagesPerWrite = 32
  /// Entries that are sorted in memory at most: 2 MiB.
  static let sliceSize = 1 << 16

  /// The table in a temporary database; the store's is made by a migration.
  static let temporaryTable =
    "CREATE TABLE known_page (position INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, entries BLOB NOT NULL) STRICT"

  private static func position(_ segment: Int64, _ number: Int) -> Int64 { segment << 24 + Int64(number) }

  /// Writes entries as pages.
  ///
  /// - Parameter first: number of the first page.
  static func write(
    _ entries: ArraySlice<KnownEntry>, segment: Int64, from first: Int, in connection: Connection
  ) throws {
    var left = entries
    var number = first
    while !left.isEmpty {
      let page = left.prefix(entriesPerPage)
      left = left.dropFirst(page.count)
      let place = position(segment, number)
      let (bytes, checksum) = page.withUnsafeBytes {
        (Array($0), Int64(bitPattern: XXHash64.hash($0, seed: UInt64(bitPattern: place))))
      }
      try connection.run(
        "INSERT INTO known_page (position, checksum, entries) VALUES (?, ?, ?)", .integer(place),
        .integer(checksum), .blob(bytes))
      number += 1
    }
  }

  /// Reads a page; `nil` when it is not there.
  ///
  /// - Throws: ``StoreError`` with code `damaged`.
  static func read(segment: Int64, _ number: Int, in connection: Connection) throws -> [KnownEntry]? {
    let place = position(segment, number)
    return try connection.first(
      "SELECT checksum, entries FROM known_page WHERE position = ?", .integer(place)
    ) { row -> [KnownEntry] in
      let bytes = row.bytes(1)
      let checksum = Int64(bitPattern: XXHash64.hash(bytes, seed: UInt64(bitPattern: place)))
      guard bytes.count % KnownEntry.size == 0, checksum == Int64(row.int(0)) else {
        throw StoreError(
          .damaged, "a page of the index of known items is not what was recorded",
          remedy: "restore the database from a backup, or leave --new-only out")
      }
      let count = bytes.count / KnownEntry.size
      return [KnownEntry](unsafeUninitializedCapacity: count) { target, filled in
        UnsafeMutableRawBufferPointer(target).copyMemory(from: bytes)
        filled = count
      }
    }
  }

  /// Removes pages of a segment from the last on.
  ///
  /// - Returns: whether none are left.
  static func remove(_ segment: Int64, in connection: Connection) throws -> Bool {
    try connection.run(
      """
      DELETE FROM known_page WHERE position IN
        (SELECT position FROM known_page WHERE position >= ? AND position < ? ORDER BY position DESC LIMIT ?)
      """, .integer(position(segment, 0)), .integer(position(segment + 1, 0)), .integer(8 * pagesPerWrite))
      < 8 * pagesPerWrite
  }
}

/// Sorted entries that are merged with others.
enum KnownSource: Sendable {
  /// Some that are in memory.
  case memory([KnownEntry])
  /// The pages of a segment.
  case pages(Database, segment: Int64, items: Int)

  /// A segment is gone since it was looked up: another process made one of several.
  struct Gone: Error {}
}

/// Merges sorted entries of several sources, identity by identity.
struct KnownMerge {
  private struct Cursor {
    let source: KnownSource
    var entries: [KnownEntry]
    var position = 0
    var nextPage = 0
    var pages: Int

    init(_ source: KnownSource) {
      self.source = source
      switch source {
      case .memory(let entries):
        self.entries = entries
        pages = 0
      case .pages(_, _, let items):
        entries = []
        pages = (items + KnownPages.entriesPerPage - 1) / KnownPages.entriesPerPage
      }
    }

    /// Reads the next page, where there is one.
    ///
    /// - Returns: whether there is an entry.
    mutating func fill() async throws -> Bool {
      while position >= entries.count, nextPage < pages {
        guard case .pages(let database, let segment, _) = source else { return false }
        let number = nextPage
        guard let page = try await database.read({ try KnownPages.read(segment: segment, number, in: $0) })
        else { throw KnownSource.Gone() }
        entries = page
        position = 0
        nextPage += 1
      }
      return position < entries.count
    }
  }

  private enum Stop {
    case empty(Int)
    case paused
    case ended
  }

  private var cursors: [Cursor]
  /// Sources that have an entry, as a heap: the smallest entry first, and of equal ones that of the first source.
  private var heap: [Int] = []
  private var group: [(source: Int, entry: KnownEntry)] = []

  /// A merge of sources; entries that are the same item come in the order of the sources.
  init(_ sources: [KnownSource]) { cursors = sources.map { Cursor($0) } }

  /// Looks at the entries that are the same item, from the first item to the last.
  ///
  /// - Parameters:
  ///   - look: whether to go on at once; where not, `pause` is called before.
  ///   - pause: whether to go on at all.
  /// - Returns: whether it went on to the end.
  /// - Throws: ``KnownSource/Gone`` when a segment was removed meanwhile, ``StoreError``.
  mutating func forEach(
    _ look: (inout [(source: Int, entry: KnownEntry)]) -> Bool, pause: () async throws -> Bool
  ) async throws -> Bool {
    for number in cursors.indices {
      guard try await cursors[number].fill() else { continue }
      heap.append(number)
      siftUp(heap.count - 1)
    }
    while true {
      switch advance(look) {
      case .empty(let number):
        guard try await pause() else { return false }
        if try await !cursors[number].fill() {
          heap[0] = heap[heap.count - 1]
          heap.removeLast()
        }
        siftDown(0)
      case .paused:
        guard try await pause() else { return false }
      case .ended:
        return try await pause()
      }
    }
  }

  /// Goes on until a source has to be filled, which is at the front of the heap then.
  private mutating func advance(_ look: (inout [(source: Int, entry: KnownEntry)]) -> Bool) -> Stop {
    while let number = heap.first {
      let entry = cursors[number].entries[cursors[number].position]
      if let first = group.first?.entry, !first.isSame(as: entry) {
        let goesOn = look(&group)
        group.removeAll(keepingCapacity: true)
        if !goesOn { return .paused }
      }
      group.append((number, entry))
      cursors[number].position += 1
      guard cursors[number].position < cursors[number].entries.count else { return .empty(number) }
      siftDown(0)
    }
    if !group.isEmpty {
      _ = look(&group)
      group.removeAll()
    }
    return .ended
  }

  private func precedes(_ one: Int, _ other: Int) -> Bool {
    let (left, right) = (
      cursors[one].entries[cursors[one].position], cursors[other].entries[cursors[other].position]
    )
    return left.isSame(as: right) ? one < other : KnownEntry.precedes(left, right)
  }

  private mutating func siftUp(_ start: Int) {
    var place = start
    while place > 0, precedes(heap[place], heap[(place - 1) / 2]) {
      heap.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  private mutating func siftDown(_ start: Int) {
    var place = start
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2] where child < heap.count {
        if precedes(heap[child], heap[least]) { least = child }
      }
      guard least != place else { return }
      heap.swapAt(place, least)
      place = least
    }
  }
}

/// What is known of one item by several entries.
enum KnownGroups {
  /// The entries that hold: of one run and one content that of the last source.
  static func effective(
    _ group: ArraySlice<(source: Int, entry: KnownEntry)>
  ) -> [KnownEntry] {
    if group.count == 1, let only = group.first { return [only.entry] }
    let sorted = group.sorted { one, other in
      let (left, right) = (one.entry, other.entry)
      if left.known.run != right.known.run { return left.known.run < right.known.run }
      if left.content != right.content { return left.content < right.content }
      return one.source < other.source
    }
    var entries: [KnownEntry] = []
    for (place, element) in sorted.enumerated() {
      let next = place + 1 < sorted.count ? sorted[place + 1].entry : nil
      if let next, next.known.run == element.entry.known.run, next.content == element.entry.content {
        continue
      }
      entries.append(element.entry)
    }
    return entries
  }
}
