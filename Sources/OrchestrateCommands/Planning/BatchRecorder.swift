import BatchDomain
import NIOConcurrencyHelpers

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

  /// A recorder of a plan; nothing is recorded before ``record()``.
  init(_ session: any PlanningSession) {
    self.session = session
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
      try await session.append(entry.batch, chunks: entry.chunks)
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
