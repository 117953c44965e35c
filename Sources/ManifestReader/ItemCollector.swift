import BatchDomain

/// Checks each scanned element against the rules for items, and collects the valid ones.
struct ItemCollector {
  /// The most bytes the wire form of one item may have.
  let maxItemBytes: Int
  /// How many items may be pending before the batch is full.
  var itemLimit = Int.max
  /// How many bytes of source text make a batch full.
  let batchBytes: Int
  var pending = PendingBatch()
  var findings = FindingLog()
  let hash: ItemHash
  /// The kind of elements that one finding has already named as the content of the whole list.
  var passesOver = ElementScanner.ValueKind.absent
  /// The bucket and the index that were checked last and are valid, in nearly all manifests those of every item.
  var soundBucket: [UInt8] = []
  var soundIndexID: [UInt8] = []

  init(maxItemBytes: Int, batchBytes: Int, hash: ItemHash) {
    self.maxItemBytes = maxItemBytes
    self.batchBytes = batchBytes
    self.hash = hash
    clearPending()
  }

  /// Starts on a new batch.
  mutating func clearPending() {
    // The last item may exceed a full batch: nearly always by less than a page.
    pending.removeAll(reserving: batchBytes + 4096)
  }

  var isFull: Bool { pending.bytes.count >= batchBytes || pending.items.count >= itemLimit }

  /// Records a finding; place and message are made only if it might be kept. `from` is at or before the place.
  mutating func report(
    _ code: Finding.Code, element: Int?, from: TextPosition, at place: @autoclosure () -> TextPosition,
    _ message: @autoclosure () -> String, remedy: @autoclosure () -> Finding.Remedy? = nil
  ) {
    guard findings.mightKeep(code.severity, line: from.line, column: from.column) else {
      findings.count(code.severity)
      return
    }
    let place = place()
    findings.record(
      Finding(
        code: code, line: place.line, column: place.column, item: element, message: message(),
        remedy: remedy()))
  }

  /// Takes the element that `scanner` has just scanned from `start` to `end`.
  mutating func take(
    _ scanner: borrowing ElementScanner, from start: Int, to end: Int, position: TextPosition, element: Int
  ) {
    let item = ScannedItem(
      text: UnsafeBufferPointer(start: scanner.text + start, count: end - start), start: start,
      position: position, element: element)
    if passesOver != .absent, isPassedOver(scanner) { return }
    guard scanner.kind == .object else {
      report(
        .notAnObject, element: element, from: position, at: position,
        "found \(FindingText.kind(scanner.kind)), expected an item: an object with index_id, language and object"
      )
      return
    }
    let fatalBefore = findings.fatalCount
    if !scanner.issues.isEmpty { report(scanner.issues, in: item) }
    reportNUL(scanner, in: item)
    if !scanner.others.isEmpty { reportOthers(scanner.others, in: item) }
    var indexID = PendingItem.Text(offset: 0, length: 0, isInSide: false)
    var object = indexID
    var nameLength = 0
    var fingerprint: UInt64 = 0
    if isString(scanner.indexID, "index_id", in: item), isString(scanner.object, "object", in: item) {
      let base = pending.bytes.count
      indexID = item.withString(scanner.indexID, side: &pending.side, base: base)
      object = item.withString(scanner.object, side: &pending.side, base: base)
      (nameLength, fingerprint) = checkIdentity(indexID, object, scanner, in: item, side: pending.side)
    } else if scanner.indexID.kind != .string {
      // `isString` stopped at the index; the object is still to be looked at.
      _ = isString(scanner.object, "object", in: item)
    }
    checkLanguage(scanner.language, in: item)
    checkTranscription(scanner.transcription, in: item)
    let length = end - start
    let wireLength = length - scanner.spaceCount - scanner.droppedCount
    let limit = maxItemBytes
    if wireLength > limit {
      report(
        .itemExceedsChunk, element: element, from: position, at: position,
        "the item has \(wireLength) bytes, expected at most the \(limit) that fit in one chunk")
    }
    guard findings.fatalCount == fatalBefore else { return }
    pending.items.append(
      PendingItem(
        offset: pending.bytes.count, length: length, wireLength: wireLength, element: element,
        position: position, indexID: indexID, object: object, nameLength: nameLength,
        nameFingerprint: fingerprint))
    pending.bytes.append(contentsOf: item.text)
  }

  /// Checks index and object; returns the length of the file name and the fingerprint of index and file name.
  private mutating func checkIdentity(
    _ indexID: PendingItem.Text, _ object: PendingItem.Text, _ scanner: borrowing ElementScanner,
    in item: ScannedItem, side: [UInt8]
  ) -> (nameLength: Int, fingerprint: UInt64) {
    let base = pending.bytes.count
    return side.withUnsafeBufferPointer { side in
      let index = item.resolve(indexID, side: side, base: base)
      let address = item.resolve(object, side: side, base: base)
      checkIndexID(index, scanner.indexID, in: item)
      checkObject(address, scanner.object, in: item)
      let nameLength = ItemCollector.nameLength(address)
      let name = UnsafeBufferPointer(rebasing: address[(address.count - nameLength)...])
      return (nameLength, hash.fingerprint(index, name))
    }
  }

  /// Whether an element is one of those that a finding about the whole list has named.
  private func isPassedOver(_ scanner: borrowing ElementScanner) -> Bool {
    scanner.kind == passesOver
      && (scanner.kind != .object
        || (scanner.indexID.kind == .absent && scanner.object.kind == .absent
          && scanner.language.kind == .absent))
  }

  /// How many bytes follow the last slash.
  private static func nameLength(_ object: UnsafeBufferPointer<UInt8>) -> Int {
    var start = object.count
    while start > 0, object[start - 1] != UInt8(ascii: "/") { start -= 1 }
    return object.count - start
  }
}
