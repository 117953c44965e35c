import BatchDomain
import ManifestReader

/// Reads a manifest once and records its items and chunks as it goes.
struct RunPlanner {
  let settings: RunSettings
  let session: any PlanningSession
  /// Told how far the reading is.
  var progress: PlanningProgress?

  /// What a manifest came to.
  struct Plan {
    var items = 0
    var repeated = 0
    var chunks = 0
    var bytes = 0
    var digest: [UInt8] = []
    var findings = FindingLog()
    var limitReached = false

    /// The totals as the store has them.
    var totals: PlanTotals { PlanTotals(items: items, repeated: repeated, digest: digest) }
  }

  /// Reads and records.
  ///
  /// - Parameter isStopped: looked at between batches; `true` ends the reading.
  /// - Returns: `nil` when it was stopped.
  /// - Throws: ``ManifestError`` when the bytes cannot be read, ``StoreError``.
  func plan(_ source: ManifestSource, isStopped: () -> Bool) async throws -> Plan? {
    let recorder = BatchRecorder(session)
    var reader = ManifestReader(
      source: source,
      options: ManifestReader.Options(maxItemBytes: settings.chunkBytes - 2, limit: settings.limit),
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
  fileprivate mutating func count(_ planned: [PlannedChunk]) {
    chunks += planned.count
    bytes += planned.reduce(0) { $0 + $1.byteCount }
  }
}
