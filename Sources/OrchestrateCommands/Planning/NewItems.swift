import BatchDomain
import ManifestReader
import Reporting

/// A manifest that was read as a whole into a temporary store, and compared with what is known: what is new in it can be
/// planned, once or again.
struct ComparedManifest {
  /// The whole manifest as it was read.
  let whole: RunPlanner.Plan
  let comparison: any KnownComparison
  let scratch: any PlanningSession

  /// Reads a manifest and plans it into a temporary store, and does something with it. Nothing is left of it, also when a
  /// signal ends the process.
  ///
  /// - Returns: `nil` when it was stopped.
  static func read<T>(
    _ source: ManifestSource, _ settings: RunSettings, comparison: any KnownComparison,
    progress: PlanningProgress, context: ProcessContext, isStopped: @Sendable () -> Bool,
    _ body: (ComparedManifest) async throws -> T?
  ) async throws -> T? {
    // The limit is on what is sent: the first of the list may all be known.
    var unlimited = settings
    unlimited.limit = nil
    let result: Result<T?, any Error>
    do {
      result = .success(
        try await ScratchStore.withPlain(of: unlimited, context: context) { scratch in
          let planner = RunPlanner(
            settings: unlimited, session: scratch, progress: progress, comparison: comparison)
          let whole = try await ScratchStore.translating {
            try await progress.during { try await planner.plan(source, isStopped: isStopped) }
          }
          guard let whole else { return nil }
          return try await body(ComparedManifest(whole: whole, comparison: comparison, scratch: scratch))
        })
    } catch {
      result = .failure(error)
    }
    try await comparison.close()
    return try result.get()
  }

  /// Items that are read from the temporary store at a time.
  private static let pageSize = 1 << 10

  /// Looks at the source texts of items in order, at those that are wanted.
  ///
  /// - Parameter look: whether to go on.
  func forEachSource(
    where isWanted: (Int) -> Bool, _ look: ([StoredItem]) async throws -> Bool
  ) async throws {
    var next = 0
    while next < whole.items {
      let end = min(next + Self.pageSize, whole.items)
      if (next..<end).contains(where: isWanted) {
        let page = try await scratch.sources(from: next, limit: end - next).filter { isWanted($0.sequence) }
        guard try await look(page) else { return }
      }
      next = end
    }
  }

  /// Plans the items that are new, or known with other content only.
  ///
  /// - Parameter session: where they are recorded; `nil` only counts.
  /// - Returns: the plan of them; `nil` when it was stopped.
  func planNew(
    _ result: KnownResult, _ settings: RunSettings, in session: (any PlanningSession)?,
    isStopped: @Sendable () -> Bool
  ) async throws -> RunPlanner.Plan? {
    var planner = ChunkPlanner(maxItems: settings.chunkSize, maxBytes: settings.chunkBytes)
    var plan = RunPlanner.Plan()
    plan.repeated = whole.repeated
    plan.findings = whole.findings
    var digest = ContentDigest()
    var index: IndexID?
    try await forEachSource(where: { !result.isSkipped($0) }) { items in
      if isStopped() { return false }
      let left = (settings.limit ?? .max) - plan.items
      if items.count > left { plan.limitReached = true }
      var batch = ItemBatch(firstSequence: plan.items)
      for item in items.prefix(left) {
        let text = Item(item.source)
        item.source.withUnsafeBufferPointer { source in
          let wire = WireForm.bytes(of: source)
          batch.append(
            source: source, wireLength: wire.count, element: item.sequence,
            nameClashes: whole.clashes.contains(item.sequence), continuesIndex: text.indexID == index)
          digest.update(wire + [0x0A])
        }
        index = text.indexID
      }
      if !batch.entries.isEmpty {
        let chunks = planner.add(batch)
        plan.count(chunks)
        plan.items += batch.entries.count
        try await session?.append(batch, chunks: chunks)
      }
      return plan.items < settings.limit ?? .max
    }
    guard !isStopped() else { return nil }
    if let limit = settings.limit, plan.items == limit, !plan.limitReached {
      plan.limitReached = result.classes.count - result.skipped > limit
    }
    if let last = planner.finish() {
      plan.count([last])
      try await session?.add([last])
    }
    // What a limit cut off was not submitted.
    plan.itemsDigest = digest.finished()
    plan.digest = plan.limitReached ? plan.itemsDigest : whole.digest
    return plan
  }

  /// What is said of the items that are known with other content.
  func findings(_ result: KnownResult) async throws -> FindingLog {
    var log = FindingLog()
    let texts = try await scratch.texts(of: result.changes.map(\.sequence))
    for (change, text) in zip(result.changes, texts) {
      let object = VisibleText.escape(Item(text).object.rawValue, cutAt: 90)
      log.record(
        Finding(
          code: .changedItem, line: nil, column: nil, item: whole.element(of: change.sequence),
          message: "object \(ConfigurationError.quoted(object)) has other content than in run \(change.run)"
            + (change.isRemoved ? ", which was removed since" : "")))
    }
    for _ in result.changes.count..<max(result.changes.count, result.counts[.changed] ?? 0) {
      log.count(.warning)
    }
    return log
  }
}
