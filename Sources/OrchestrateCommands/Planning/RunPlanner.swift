import BatchDomain
import ManifestReader
import NIOConcurrencyHelpers
import NIOPosix

/// Reads a manifest once and records its items and chunks as it goes.
struct RunPlanner {
  let settings: RunSettings
  let session: any PlanningSession
  /// Told how far the reading is.
  var progress: PlanningProgress?
  /// Given the fingerprints of the items, where they are to be compared.
  var comparison: (any KnownComparison)?

  /// What a manifest came to.
  struct Plan {
    var items = 0
    var repeated = 0
    var chunks = 0
    var bytes = 0
    var digest: [UInt8] = []
    /// That of the items that are left, where some are left out.
    var itemsDigest: [UInt8] = []
    var findings = FindingLog()
    var limitReached = false
    /// Which items may share their file name with another of their index, where it was asked for.
    var clashes = SequenceSet()
    /// Where elements of the file are further on than the items, and how far, from that item on: elements that repeat an
    /// earlier one are no items.
    var elementOffsets: [(sequence: Int, offset: Int)] = []

    /// The totals as the store has them.
    var totals: PlanTotals { PlanTotals(items: items, repeated: repeated, digest: digest) }

    /// The place in the file of an item, from 0.
    func element(of sequence: Int) -> Int {
      let place = elementOffsets.partitioningIndex { $0.sequence > sequence }
      return sequence + (place > 0 ? elementOffsets[place - 1].offset : 0)
    }
  }

  /// Reads and records.
  ///
  /// - Parameter isStopped: looked at between batches; `true` ends the reading.
  /// - Returns: `nil` when it was stopped.
  /// - Throws: ``ManifestError`` when the bytes cannot be read, ``StoreError``.
  func plan(_ source: ManifestSource, isStopped: () -> Bool) async throws -> Plan? {
    let recorder = BatchRecorder(session, comparison: comparison)
    var reader = ManifestReader(
      source: source,
      options: ManifestReader.Options(
        maxItemBytes: settings.chunkBytes - 2, limit: settings.limit,
        warnsOfEqualNames: settings.profile.findsItemsByName,
        sendsTranscriptionAndLanguage: settings.profile.sendsTranscriptionAndLanguage),
      earlier: recorder)
    var planner = ChunkPlanner(maxItems: settings.chunkSize, maxBytes: settings.chunkBytes)
    var plan = Plan()
    // Batches are written while the next are read: two cores.
    let isRead = try await withThrowingTaskGroup(of: Void.self) { group in
      defer { recorder.finish() }
      group.addTask { try await recorder.record() }
      do {
        let isStopped = try await ReadingThread.run {
          while let batch = try await reader.nextBatch() {
            if isStopped() { return true }
            progress?.read(bytes: reader.bytesRead, items: reader.itemCount)
            let chunks = planner.add(batch)
            plan.count(chunks)
            if comparison != nil { plan.note(batch) }
            try await recorder.hand(batch, chunks: chunks)
          }
          return false
        }
        if isStopped { return false }
      } catch is BatchRecorder.Ended {
        // What ended it is thrown by the task that records.
      }
      recorder.finish()
      try await group.waitForAll()
      return true
    }
    guard isRead else { return nil }
    if let last = planner.finish() {
      plan.count([last])
      try await session.add([last])
    }
    plan.items = reader.itemCount
    plan.repeated = reader.repeatedCount
    plan.digest = reader.manifestDigest
    plan.findings = reader.findings
    plan.limitReached = reader.limitReached
    return plan
  }

}

extension RunPlanner.Plan {
  mutating func count(_ planned: [PlannedChunk]) {
    chunks += planned.count
    bytes += planned.reduce(0) { $0 + $1.byteCount }
  }

  /// Notes what a plan of some of the items has to know of them.
  fileprivate mutating func note(_ batch: ItemBatch) {
    for sequence in batch.earlierClashes { clashes.insert(sequence) }
    for (number, entry) in batch.entries.enumerated() {
      let sequence = batch.firstSequence + number
      if entry.nameClashes { clashes.insert(sequence) }
      if entry.element - sequence != elementOffsets.last?.offset ?? 0 {
        elementOffsets.append((sequence, entry.element - sequence))
      }
    }
  }
}

/// Numbers of items, a bit for each.
struct SequenceSet {
  private var words: [UInt64] = []

  /// Adds a number.
  mutating func insert(_ sequence: Int) {
    let word = sequence / 64
    if word >= words.count { words += Array(repeating: 0, count: word + 1 - words.count) }
    words[word] |= 1 << UInt64(sequence % 64)
  }

  /// Whether a number is there.
  func contains(_ sequence: Int) -> Bool {
    sequence / 64 < words.count && words[sequence / 64] & (1 << UInt64(sequence % 64)) != 0
  }
}

extension RandomAccessCollection {
  /// The first position from which on a condition holds, which holds from some position on.
  fileprivate func partitioningIndex(where isPast: (Element) -> Bool) -> Index {
    var (low, count) = (startIndex, self.count)
    while count > 0 {
      let half = count / 2
      let middle = index(low, offsetBy: half)
      if isPast(self[middle]) {
        count = half
      } else {
        low = index(after: middle)
        count -= half + 1
      }
    }
    return low
  }
}

/// Records batches in the background, one after the other and in their order, while the next ones are read.
///
/// The reader may be some batches ahead, so that it goes on while the store makes a checkpoint; memory stays bounded. One
/// task reads and hands over, one other records.
final class BatchRecorder: EarlierItems {
  /// Batches that may be handed over and not recorded: with 256 KiB of texts in each, some 3 MiB in all.
  static let batchesAhead = 8

  /// Recording ended before everything was recorded; ``record()`` throws why.
  struct Ended: Error {}

  private struct Entry: Sendable {
    let batch: ItemBatch
    let chunks: [PlannedChunk]
  }

  private struct State {
    /// Batches that were handed over and are not recorded.
    var ahead = 0
    var isOver = false
    /// The task that reads, while it waits for fewer to be ahead.
    var reader: (limit: Int, continuation: CheckedContinuation<Void, Never>)?

    /// Whether the reader need not wait.
    func permits(_ limit: Int) -> Bool { ahead < limit || isOver }

    /// Takes the reader out if it need not wait any more.
    mutating func released() -> CheckedContinuation<Void, Never>? {
      guard let waiting = reader, permits(waiting.limit) else { return nil }
      reader = nil
      return waiting.continuation
    }
  }

  private let session: any PlanningSession
  private let state = NIOLockedValueBox(State())
  private let entries: AsyncStream<Entry>
  private let line: AsyncStream<Entry>.Continuation

  /// Given the fingerprints of what is recorded.
  private let comparison: (any KnownComparison)?

  /// A recorder of a plan; nothing is recorded before ``record()``.
  init(_ session: any PlanningSession, comparison: (any KnownComparison)? = nil) {
    self.session = session
    self.comparison = comparison
    (entries, line) = AsyncStream.makeStream()
  }

  /// Hands a batch over, once few enough are ahead.
  ///
  /// - Parameter chunks: the chunks that ended in it.
  /// - Throws: ``Ended``.
  func hand(_ batch: ItemBatch, chunks: [PlannedChunk]) async throws {
    try await wait(untilFewerThan: Self.batchesAhead)
    state.withLockedValue { $0.ahead += 1 }
    line.yield(Entry(batch: batch, chunks: chunks))
  }

  /// Says that no more batches come.
  func finish() { line.finish() }

  /// Records what is handed over, until no more comes.
  ///
  /// - Throws: ``StoreError``, `CancellationError`; what was handed over is then not all recorded.
  func record() async throws {
    defer {
      state.withLockedValue { state in
        state.isOver = true
        return state.released()
      }?.resume()
    }
    for await entry in entries {
      if let comparison {
        // While the store writes.
        async let isRecorded: Void = session.append(entry.batch, chunks: entry.chunks)
        try await comparison.add(entry.batch.fingerprints)
        try await isRecorded
      } else {
        try await session.append(entry.batch, chunks: entry.chunks)
      }
      state.withLockedValue { state in
        state.ahead -= 1
        return state.released()
      }?.resume()
    }
    // A stream ends at once when its reader is cancelled, whatever is still in it.
    try Task.checkCancellation()
  }

  /// The texts of items that were handed over, once all of them are recorded.
  ///
  /// - Throws: ``Ended``, ``StoreError``.
  func texts(of sequences: [Int]) async throws -> [[UInt8]] {
    try await wait(untilFewerThan: 1)
    return try await session.texts(of: sequences)
  }

  private func wait(untilFewerThan limit: Int) async throws {
    await withCheckedContinuation { continuation in
      let isReady = state.withLockedValue { state in
        if !state.permits(limit) { state.reader = (limit, continuation) }
        return state.permits(limit)
      }
      if isReady { continuation.resume() }
    }
    guard state.withLockedValue({ !$0.isOver }) else { throw Ended() }
  }
}

/// A thread of its own for a task that reads: a pipe may keep it waiting for hours, and the shared pool has no more
/// threads than the machine has cores. What the task keeps in memory also stays in one heap of the C library, which has one
/// for each thread, so that memory is the same in every run.
///
/// Only the task that reads prefers it; the task that records does not. Files cannot be read without blocking, and one
/// heap for all threads (`M_ARENA_MAX`) makes sending a tenth slower.
final class ReadingThread: TaskExecutor {
  private let threads = NIOThreadPool(numberOfThreads: 1)

  private init() { threads.start() }

  /// Runs `work`, and the tasks in it that ask for no other executor, on such a thread.
  static func run<Value>(_ work: () async throws -> Value) async throws -> Value {
    let thread = ReadingThread()
    let result: Result<Value, any Error>
    do {
      result = .success(try await withTaskExecutorPreference(thread) { try await work() })
    } catch {
      result = .failure(error)
    }
    try await thread.threads.shutdownGracefully()
    return try result.get()
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    // A job has to run whatever became of the thread.
    threads.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
