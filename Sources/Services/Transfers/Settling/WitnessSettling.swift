internal import BatchDomain

/// Finds out what became of unknown chunks by reading the list of tasks: seen is proof, and an absence counts only when
/// two looks agree beside a witness. `docs/settling.md` says it in full.
struct WitnessSettling: SettlingStrategy {
  private let gatherer: WitnessEvidence
  private let context: SettlingContext
  private var memory = WitnessMemory()
  /// What the last look saw of a chunk, where a second one has to agree.
  private var agreements: [ChunkNumber: Agreement] = [:]

  private struct Agreement {
    /// The attempt it is about.
    let attempt: Int
    /// For each item, whether it was seen.
    let isSeen: [Bool]
    /// When the first of the looks that agree began.
    let since: Timestamp
  }

  /// A strategy that has looked at nothing; from here on a clock that is set is noticed.
  init(api: any TransfersAPI, context: SettlingContext) {
    self.context = context
    gatherer = WitnessEvidence(api: api, context: context)
    _ = memory.watch(now: context.clock.now(), elapsed: context.clock.elapsed())
  }

  mutating func look(
    at chunks: [UnknownChunk], canSendMore: Bool
  ) async throws -> [ChunkNumber: SettlingReading]? {
    let lookedAt = context.clock.now()
    guard let found = try await gatherer.gather(for: chunks, &memory) else { return nil }
    var readings: [ChunkNumber: SettlingReading] = [:]
    for chunk in chunks {
      let own = chunk.indexes.compactMap { found.trouble[$0] }.min()
      let reading =
        own.map { SettlingRule.Reading.open($0) }
        ?? SettlingRule.read(
          chunk, evidence: found.evidence, settleDelay: context.delay, grace: context.grace)
      var result = conclude(reading, chunk, lookedAt: lookedAt, canSendMore: canSendMore)
      result.evidence.lastLookAt = lookedAt
      result.evidence.tasksListed = found.tasks(of: chunk)
      readings[chunk.number] = result
    }
    return readings
  }

  private mutating func conclude(
    _ reading: SettlingRule.Reading, _ chunk: UnknownChunk, lookedAt: Timestamp, canSendMore: Bool
  ) -> SettlingReading {
    switch reading {
    case .received:
      agreements[chunk.number] = nil
      return SettlingReading(
        .received,
        Evidence("the listing shows every item of it", firstLookAt: lookedAt, itemsSeen: chunk.items.count),
        // A service that refuses a request and takes it all the same takes parts of others.
        learned: chunk.wasRefused ? .partial : nil)
    case .absent(let witnesses) where witnesses.isEmpty && canSendMore:
      // An acceptance may still come and be a witness.
      agreements[chunk.number] = nil
      return SettlingReading(.unconfirmed, Evidence(""))
    case .absent(let witnesses):
      guard let first = agree(chunk, on: chunk.items.map { _ in false }, at: lookedAt) else {
        return SettlingReading(.unconfirmed, Evidence(""))
      }
      let text =
        witnesses.isEmpty
        ? "the service refused it, and two looks showed none of its items; nothing was accepted yet"
        : "two looks showed none of its items, beside chunk \(list(witnesses)), which the listing shows"
      // Without a witness the chunk is divided on the service's word; what refusals mean is not known by that.
      return SettlingReading(
        .notReceived, Evidence(text, firstLookAt: first, itemsSeen: 0, witnesses: witnesses),
        learned: !witnesses.isEmpty && chunk.loss == .refused ? .whole : nil)
    case .partial(let isSeen, let witnesses):
      guard let first = agree(chunk, on: isSeen, at: lookedAt) else {
        return SettlingReading(.unconfirmed, Evidence(""))
      }
      let seen = isSeen.count { $0 }
      // A service that takes a part of a request whose answer was lost may have refused it: the answer is not known.
      return SettlingReading(
        .partlyReceived(isSeen: isSeen),
        Evidence(
          "two looks showed the same \(seen) of its \(HumanNumber.text(isSeen.count, "item")), beside chunk \(list(witnesses)), "
            + "which the listing shows",
          firstLookAt: first, itemsSeen: seen, witnesses: witnesses),
        learned: .partial)
    case .open(let why, let notBefore):
      agreements[chunk.number] = nil
      return SettlingReading(.open(notBefore: notBefore), Evidence(why))
    case .undecidable(let why):
      agreements[chunk.number] = nil
      return SettlingReading(.undecidable, Evidence(why))
    }
  }

  /// Takes note of what a look saw of a chunk's items.
  ///
  /// - Returns: when the first look began that saw the same, if there was one before this.
  private mutating func agree(_ chunk: UnknownChunk, on isSeen: [Bool], at lookedAt: Timestamp) -> Timestamp?
  {
    if let known = agreements[chunk.number], known.attempt == chunk.attempt, known.isSeen == isSeen {
      agreements[chunk.number] = nil
      return known.since
    }
    agreements[chunk.number] = Agreement(attempt: chunk.attempt, isSeen: isSeen, since: lookedAt)
    return nil
  }

  private func list(_ chunks: [ChunkNumber]) -> String {
    chunks.map { "\($0)" }.joined(separator: ", ")
  }
}
