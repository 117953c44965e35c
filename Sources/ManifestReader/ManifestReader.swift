package import BatchDomain

/// Reads a manifest once, from start to end, as batches of valid and distinct items.
///
/// Memory is bounded by a block, a batch, the longest element and 11 to 17 bytes per item. What is wrong with the text
/// becomes `findings`; after a fatal one it reads on, as far as the syntax allows, to collect the others, and the caller
/// looks at `findings.hasFatal` when `nextBatch` has returned nil. Not Sendable: one task reads. Reading blocks the thread for as long as the file or pipe does.
package struct ManifestReader {
  /// The options of a reader.
  package struct Options: Sendable, Equatable {
    /// The most bytes the wire form of one item may have: the chunk's limit less its two brackets.
    package var maxItemBytes: Int
    /// How many distinct items are wanted, nil for all.
    package var limit: Int?
    /// How many bytes of source text make a batch.
    package var batchBytes: Int
    /// How many distinct items a manifest has to stay below, at most `DuplicateIndex.sequenceLimit`.
    package var sequenceLimit: Int
    /// Whether an item is a finding whose file name another one of its index has: where the service is asked by file name.
    package var warnsOfEqualNames: Bool
    /// Whether `transcription` and `language` go to the service, with all that items have. Where they do not, one finding says
    /// so for the whole manifest, in place of those that doubt their values, and unknown fields go nowhere.
    package var sendsTranscriptionAndLanguage: Bool

    /// Makes options; `batchBytes` is 256 KiB unless said otherwise.
    package init(
      maxItemBytes: Int, limit: Int? = nil, batchBytes: Int = 256 * 1024,
      sequenceLimit: Int = DuplicateIndex.sequenceLimit, warnsOfEqualNames: Bool = true,
      sendsTranscriptionAndLanguage: Bool = true
    ) {
      self.maxItemBytes = maxItemBytes
      self.limit = limit
      self.batchBytes = batchBytes
      self.sequenceLimit = sequenceLimit
      self.warnsOfEqualNames = warnsOfEqualNames
      self.sendsTranscriptionAndLanguage = sendsTranscriptionAndLanguage
    }
  }

  /// How many distinct valid items were returned.
  package private(set) var itemCount = 0
  /// Whether reading stopped because `limit` items were read; what follows them was not even parsed.
  package private(set) var limitReached = false

  private let source: ManifestSource
  private let options: Options
  private let earlier: any EarlierItems
  private var parser = ManifestParser()
  private var collector: ItemCollector
  private var resolver: DuplicateResolver
  private var digest = ContentDigest()
  private var digestContent: [UInt8] = []
  private var lastIndexID: [UInt8] = []
  /// How the last item was written.
  private var layout: ItemLayout?
  /// Items that were returned and have a transcription.
  private var transcribedCount = 0
  /// Items that were returned and have another language than `en`.
  private var otherLanguageCount = 0
  private var isFinished = false

  /// Reads `source`; `earlier` is asked for the texts of items of batches already returned.
  package init(
    source: ManifestSource, options: Options, earlier: any EarlierItems, hash: ItemHash = .standard
  ) {
    self.source = source
    self.options = options
    self.earlier = earlier
    collector = ItemCollector(
      maxItemBytes: options.maxItemBytes, batchBytes: max(1, options.batchBytes), hash: hash,
      sendsTranscriptionAndLanguage: options.sendsTranscriptionAndLanguage)
    resolver = DuplicateResolver(hash: hash, warnsOfEqualNames: options.warnsOfEqualNames)
  }

  /// The findings so far.
  package var findings: FindingLog { collector.findings }
  /// How many elements repeated an earlier one and were left out.
  package var repeatedCount: Int { resolver.repeatedCount }
  /// How many elements of the array, or lines that are not blank, were read, invalid ones included.
  package var elementCount: Int { parser.elementCount }
  /// How many bytes of the file were read so far, before decompression.
  package var bytesRead: Int { source.bytesRead }
  /// The SHA-256 of the wire forms handed on so far, each followed by a line feed; 32 raw bytes. After the end it
  /// tells whether two manifests hold the same items in the same order, however they are written.
  package var manifestDigest: [UInt8] { digest.finished() }

  /// The next items; nil at the end. A batch has at least one item.
  ///
  /// Throws `ManifestError` when the bytes cannot be read, what `earlier` throws, and `CancellationError`. After
  /// an error the reader is of no further use.
  package mutating func nextBatch() async throws -> ItemBatch? {
    while try readPending() {
      guard !collector.pending.items.isEmpty else { continue }
      if let batch = try await finishBatch() { return batch }
    }
    return nil
  }

  // The functions without `await` are kept out of line: inlined, they make `nextBatch` a coroutine that the
  // optimiser of Swift 6.3 crashes on.

  /// Reads until a batch is pending or the manifest is at its end; false when there is nothing more to read.
  @inline(never)
  private mutating func readPending() throws -> Bool {
    if let limit = options.limit, itemCount >= limit {
      limitReached = true
      isFinished = true
    }
    guard !isFinished else {
      noteUnsent()
      return false
    }
    collector.itemLimit = (options.limit ?? Int.max) - itemCount
    while true {
      try Task.checkCancellation()
      switch parser.parse(into: &collector) {
      case .needsInput:
        let source = source
        try parser.fill { (space) throws(ManifestError) -> Int in try source.read(into: space) }
        parser.input = ManifestInput(isCompressed: source.isCompressed, encoding: source.encoding)
      case .full: return true
      case .ended:
        isFinished = true
        try noteChange()
        return true
      }
    }
  }

  /// Warns of a file that was written to while it was read. Of an array the closing bracket is missing then; lines just end.
  private mutating func noteChange() throws(ManifestError) {
    guard let now = try source.change(), let before = source.file else { return }
    let sizes =
      before.byteCount == now.byteCount
      ? "it was written to"
      : "it had \(HumanNumber.text(before.byteCount, "byte")) at first and has \(HumanNumber.text(now.byteCount)) now"
    collector.findings.record(
      Finding(
        code: .fileChanged, line: nil, column: nil, item: nil,
        message: "the manifest changed while it was read: \(sizes); items may be missing",
        remedy: Finding.Remedy("Read it again when nothing writes to it any more")))
  }

  /// Warns of what items have and no request carries, once all of them are counted.
  private mutating func noteUnsent() {
    guard !options.sendsTranscriptionAndLanguage else { return }
    var found: [String] = []
    func note(_ what: String, _ count: Int) {
      if count > 0 { found.append("\(what) (\(count) \(count == 1 ? "item" : "items"))") }
    }
    note("transcriptions", transcribedCount)
    note("languages other than \"en\"", otherLanguageCount)
    guard !found.isEmpty else { return }
    // Whoever asks for a batch again after the end gets no second finding.
    (transcribedCount, otherLanguageCount) = (0, 0)
    collector.findings.record(
      Finding(
        code: .notSent, line: nil, column: nil, item: nil,
        message: """
          \(found.joined(separator: " and ")): the assets API of v1.3 takes neither transcription nor language, \
          so they are kept in the records and not sent
          """))
  }

  /// Leaves out what repeats earlier items and makes a batch of the rest, nil when nothing is left.
  private mutating func finishBatch() async throws -> ItemBatch? {
    var recorded: [Int: RecordedItem] = [:]
    var wanted = try beginBatch()
    repeat {
      if !wanted.isEmpty {
        let texts = try await earlier.texts(of: wanted)
        precondition(texts.count == wanted.count, "EarlierItems answered with another number of items")
        for (sequence, text) in zip(wanted, texts) { recorded[sequence] = RecordedItem(text) }
      }
      wanted = resolve(recorded)
    } while !wanted.isEmpty
    return endBatch()
  }

  /// Starts on the pending items; returns which earlier ones will be needed.
  @inline(never)
  private mutating func beginBatch() throws(ManifestError) -> [Int] {
    guard itemCount + collector.pending.items.count < options.sequenceLimit else {
      throw ManifestError(
        code: .tooManyItems, subject: source.name,
        cause: "it has \(options.sequenceLimit) items or more, expected fewer",
        remedy: "split it into several manifests")
    }
    resolver.begin()
    return resolver.candidates(of: collector.pending)
  }

  /// Decides pending items as far as possible; returns which earlier ones are needed to go on.
  @inline(never)
  private mutating func resolve(_ recorded: [Int: RecordedItem]) -> [Int] {
    resolver.resolve(&collector, first: itemCount, recorded: recorded).map { [$0] } ?? []
  }

  @inline(never)
  private mutating func endBatch() -> ItemBatch? {
    defer { collector.clearPending() }
    guard !resolver.kept.isEmpty else { return nil }
    let batch = makeBatch()
    itemCount += batch.entries.count
    return batch
  }

  private mutating func makeBatch() -> ItemBatch {
    let pending = collector.pending
    let kept = resolver.kept
    var batch = ItemBatch(firstSequence: itemCount, earlierClashes: resolver.earlierClashes.sorted())
    batch.entries.reserveCapacity(kept.count)
    batch.wire.reserveCapacity(kept.reduce(0) { $0 + pending.items[$1].wireLength })
    // The layout of the item before is most likely that of the next.
    batch.layouts = layout.map { [$0] } ?? []
    pending.bytes.withUnsafeBufferPointer { bytes in
      for place in kept {
        let item = pending.items[place]
        if item.hasTranscription { transcribedCount += 1 }
        if item.hasOtherLanguage { otherLanguageCount += 1 }
        batch.append(
          source: UnsafeBufferPointer(rebasing: bytes[item.offset..<item.offset + item.length]),
          wireLength: item.wireLength, element: item.element, nameClashes: item.nameClashes,
          continuesIndex: continuesIndex(item, in: pending))
      }
    }
    layout = batch.layouts.last
    addToDigest(batch)
    return batch
  }

  private mutating func continuesIndex(_ item: PendingItem, in pending: PendingBatch) -> Bool {
    let last = lastIndexID
    let isSame = pending.withIdentity(of: item) { index, _ in
      index.count == last.count && index.elementsEqual(last)
    }
    if !isSame { lastIndexID = pending.withIdentity(of: item) { index, _ in Array(index) } }
    return isSame
  }

  private mutating func addToDigest(_ batch: ItemBatch) {
    digestContent.removeAll(keepingCapacity: true)
    batch.wire.withUnsafeBufferPointer { wire in
      for entry in batch.entries {
        digestContent.append(
          contentsOf: UnsafeBufferPointer(
            rebasing: wire[entry.offset..<entry.offset + entry.length]))
        digestContent.append(0x0A)
      }
    }
    digest.update(digestContent)
  }
}
