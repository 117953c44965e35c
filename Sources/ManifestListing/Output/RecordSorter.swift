import BatchDomain
import HeapModule

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Sorts any number of records by their bytes in bounded memory.
///
/// Records are gathered up to a limit, sorted, and written to a temporary file as a run; at the end the runs are merged. The
/// file has no name from the moment it is open, so that nothing is left of it, whatever ends the process. What fits into
/// memory is never written.
final class RecordSorter {
  private struct Entry {
    var offset: Int
    var length: Int
  }

  private let memoryLimit: Int
  private let folder: String
  private var bytes: [UInt8] = []
  private var entries: [Entry] = []
  private var file: TemporaryRuns?

  /// - Parameters:
  ///   - memoryLimit: how many bytes are gathered; merging takes about as many.
  ///   - folder: where the temporary file is made.
  init(memoryLimit: Int, folder: String) {
    self.memoryLimit = memoryLimit
    self.folder = folder
  }

  /// Takes a record, not empty.
  func add(_ record: [UInt8]) throws(ListError) {
    entries.append(Entry(offset: bytes.count, length: record.count))
    bytes += record
    if bytes.count + entries.count * MemoryLayout<Entry>.stride >= memoryLimit { try spill() }
  }

  /// Hands on all records in order, and forgets them.
  func drain(_ take: ([UInt8]) throws -> Void) throws {
    if file != nil, !entries.isEmpty { try spill() }
    if let file {
      self.file = nil
      (bytes, entries) = ([], [])
      try file.merge(memoryLimit: memoryLimit, take)
    } else {
      sort()
      let (bytes, entries) = (bytes, entries)
      (self.bytes, self.entries) = ([], [])
      for entry in entries { try take(Array(bytes[entry.offset..<entry.offset + entry.length])) }
    }
  }

  private func sort() {
    bytes.withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return }
      entries.sort { one, other in
        Self.precedes(start + one.offset, one.length, start + other.offset, other.length)
      }
    }
  }

  /// Whether the bytes of one record come before those of another.
  static func precedes(
    _ one: UnsafePointer<UInt8>, _ length: Int, _ other: UnsafePointer<UInt8>, _ otherLength: Int
  ) -> Bool {
    let order = memcmp(one, other, min(length, otherLength))
    return order == 0 ? length < otherLength : order < 0
  }

  private func spill() throws(ListError) {
    sort()
    let file: TemporaryRuns
    if let open = self.file {
      file = open
    } else {
      file = try TemporaryRuns(in: folder)
      self.file = file
    }
    try file.beginRun()
    for entry in entries { try file.append(bytes[entry.offset..<entry.offset + entry.length]) }
    try file.endRun()
    bytes.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
  }
}

/// Sorted runs of records in a temporary file: each record with its length before it.
private final class TemporaryRuns {
  private static let writeLength = 256 * 1024
  private static let lengthBytes = 4

  private let descriptor: Int32
  private let folder: String
  private var runs: [Range<Int>] = []
  private var runStart = 0
  private var end = 0
  private var pending: [UInt8] = []

  init(in folder: String) throws(ListError) {
    self.folder = folder
    var template = Array((folder + "/orchestrate-list-XXXXXX").utf8CString)
    descriptor = template.withUnsafeMutableBufferPointer { space in
      guard let path = space.baseAddress else { return -1 }
      let descriptor = mkstemp(path)
      if descriptor >= 0 { unlink(path) }
      return descriptor
    }
    guard descriptor >= 0 else { throw failure("cannot be made", errno) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  func beginRun() throws(ListError) {
    runStart = end
    pending.reserveCapacity(Self.writeLength)
  }

  func append(_ record: ArraySlice<UInt8>) throws(ListError) {
    withUnsafeBytes(of: UInt32(record.count).littleEndian) { pending.append(contentsOf: $0) }
    pending += record
    if pending.count >= Self.writeLength { try flush() }
  }

  func endRun() throws(ListError) {
    try flush()
    runs.append(runStart..<end)
  }

  private func flush() throws(ListError) {
    var offset = 0
    while offset < pending.count {
      let count = pending.withUnsafeBytes {
        write(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset)
      }
      if count > 0 {
        offset += count
      } else if errno != EINTR {
        throw failure("cannot be written", errno)
      }
    }
    end += pending.count
    pending.removeAll(keepingCapacity: true)
  }

  /// Hands on the records of all runs in one order.
  func merge(memoryLimit: Int, _ take: ([UInt8]) throws -> Void) throws {
    let length = min(max(memoryLimit / max(1, runs.count), 4 * 1024), Self.writeLength)
    var heap = Heap<Head>()
    for run in runs {
      let reader = RunReader(file: self, range: run, blockLength: length)
      if let record = try reader.next() { heap.insert(Head(record: record, reader: reader)) }
    }
    while let head = heap.popMin() {
      try take(head.record)
      if let record = try head.reader.next() { heap.insert(Head(record: record, reader: head.reader)) }
    }
  }

  /// Reads a part of the file; shorter only at its end.
  fileprivate func read(_ range: Range<Int>) throws(ListError) -> [UInt8] {
    var number: Int32 = 0
    let block = [UInt8](unsafeUninitializedCapacity: range.count) { space, count in
      while count < range.count {
        let length = pread(
          descriptor, space.baseAddress.map { $0 + count }, range.count - count,
          off_t(range.lowerBound + count))
        if length > 0 {
          count += length
        } else if length == 0 || errno != EINTR {
          number = length == 0 ? EIO : errno
          return
        }
      }
    }
    guard number == 0 else { throw failure("cannot be read", number) }
    return block
  }

  private func failure(_ what: String, _ number: Int32) -> ListError {
    ListError(
      .temporaryFile, folder,
      "a temporary file in this folder \(what) (\(String(cString: strerror(number))))",
      remedy:
        "free space, or set TMPDIR to a folder that this user may write and that has room for about as much as the names of all videos have"
    )
  }

  /// The next record of a run.
  private struct Head: Comparable {
    var record: [UInt8]
    var reader: RunReader

    static func < (one: Head, other: Head) -> Bool {
      one.record.withUnsafeBufferPointer { mine in
        other.record.withUnsafeBufferPointer { theirs in
          guard let start = mine.baseAddress, let otherStart = theirs.baseAddress else {
            return mine.count < theirs.count
          }
          return RecordSorter.precedes(start, mine.count, otherStart, theirs.count)
        }
      }
    }

    static func == (one: Head, other: Head) -> Bool { one.record == other.record }
  }

  /// Reads one run in blocks.
  private final class RunReader {
    private let file: TemporaryRuns
    private var rest: Range<Int>
    private let blockLength: Int
    private var block: [UInt8] = []
    private var position = 0

    init(file: TemporaryRuns, range: Range<Int>, blockLength: Int) {
      (self.file, rest, self.blockLength) = (file, range, blockLength)
    }

    func next() throws(ListError) -> [UInt8]? {
      guard try hold(TemporaryRuns.lengthBytes) else { return nil }
      var length = 0
      for place in (0..<TemporaryRuns.lengthBytes).reversed() {
        length = length << 8 | Int(block[position + place])
      }
      position += TemporaryRuns.lengthBytes
      guard try hold(length) else { return nil }
      defer { position += length }
      return Array(block[position..<position + length])
    }

    /// Reads on until that many bytes are in memory; whether there are as many.
    private func hold(_ count: Int) throws(ListError) -> Bool {
      while block.count - position < count {
        guard !rest.isEmpty else { return false }
        let next = rest.lowerBound..<min(rest.upperBound, rest.lowerBound + max(blockLength, count))
        rest = next.upperBound..<rest.upperBound
        block.removeFirst(position)
        position = 0
        block += try file.read(next)
      }
      return true
    }
  }
}
