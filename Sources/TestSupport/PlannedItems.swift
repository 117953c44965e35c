package import BatchDomain

/// Makes items and plans for tests, without a manifest reader.
package enum PlannedItems {
  /// The source text of item `number`: index `629d807aa9e2a3a33a92c00b`, object `s3://bucket/NNNNNN.mp4`.
  package static func source(
    _ number: Int, index: String = "629d807aa9e2a3a33a92c00b", name: String? = nil
  ) -> String {
    let name = name ?? "\(number.padded(6)).mp4"
    return #"{"index_id": "\#(index)", "language": "en", "object": "s3://bucket/\#(name)"}"#
  }

  /// Digest of items as planning has it: each wire form and a line feed.
  package static func digest(of sources: [String]) -> [UInt8] {
    var digest = ContentDigest()
    for source in sources { digest.update(WireForm.bytes(of: source.utf8) + [0x0A]) }
    return digest.finished()
  }

  /// One batch of items with these source texts.
  package static func batch(_ sources: [String], firstSequence: Int = 0) -> ItemBatch {
    var batch = ItemBatch(firstSequence: firstSequence)
    var first: [String: Int] = [:]
    var clashes: [Int] = []
    for (number, source) in sources.enumerated() {
      let text = Array(source.utf8)
      let fields = Item(text)
      let earlier = first.updateValue(number, forKey: "\(fields.indexID)/\(fields.name)")
      if let earlier { clashes.append(firstSequence + earlier) }
      text.withUnsafeBufferPointer {
        batch.append(
          source: $0, wireLength: WireForm.bytes(of: $0).count, element: firstSequence + number,
          nameClashes: earlier != nil, continuesIndex: false)
      }
    }
    batch.earlierClashes = clashes
    return batch
  }

  /// Plans a run of these items and returns the session that owns it.
  package static func plan(
    _ sources: [String], chunkSize: Int, settings: RunSettings = RunSettings(), in store: any BatchStore,
    at now: Timestamp, random: UInt64 = 1, digest: [UInt8] = Array(repeating: 7, count: 32)
  ) async throws -> any RunSession {
    let session = try await store.plan(
      RunDraft(
        createdAt: now, random: random, name: nil, job: nil, manifest: "manifest.json", manifestFile: nil,
        isAgain: true, settings: settings))
    let batch = batch(sources)
    var planner = ChunkPlanner(maxItems: chunkSize, maxBytes: settings.chunkBytes)
    try await session.append(batch, chunks: planner.add(batch))
    if let last = planner.finish() { try await session.add([last]) }
    let completion = try await session.complete(
      PlanTotals(items: sources.count, repeated: 0, digest: digest), at: now)
    guard case .planned(let planned) = completion else {
      throw StoreError(.conflict, "a plan that insists was refused")
    }
    return planned
  }
}

extension RunControl {
  /// Asks the owner of a run for something.
  package func ask(_ request: RunRequest, of run: RunID) async throws -> RequestReceipt {
    switch request {
    case .pause: try await requestPause(of: run)
    case .cancel: try await requestCancel(of: run)
    }
  }
}

extension WorkQueue {
  /// Takes the next chunk of the first step.
  package func claim(at now: Timestamp) async throws -> Claim {
    try await claim(settings.profile.firstStep, at: now)
  }

  /// Ends an attempt and takes the next chunk of the first step.
  package func record(
    _ result: AttemptRecord, claimingAt next: Timestamp?
  ) async throws -> RecordedAndClaimed {
    try await record(result, claiming: next.map { (settings.profile.firstStep, $0) })
  }
}
