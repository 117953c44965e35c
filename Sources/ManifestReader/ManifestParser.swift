import BatchDomain

/// Finds the elements of a manifest in blocks of any size and hands each, once it is complete, to a collector.
///
/// An element that a block cuts is scanned again from its start when more has come; a long one only after twice
/// as much has come, so that the work stays linear.
struct ManifestParser {
  /// The longest source text of one element; more is not kept in memory.
  static let elementLimit = 8 * 1024 * 1024
  /// Below this many bytes a cut element is scanned again with every block.
  static let eagerLimit = 64 * 1024

  /// What stands before each text of a sequence (RFC 7464, section 2.2), as `jq --seq` writes it.
  static let recordSeparator: UInt8 = 0x1E

  enum Outcome {
    case needsInput, full, ended
  }

  enum Phase {
    /// `item` is the phase of items one after the other: on lines of their own (JSON lines), over several, or not
    /// even divided.
    case start, firstElement, element, separator, afterArray, item, restOfLine, restOfItem, ended
  }

  /// How many elements were read, invalid ones and unreadable lines included.
  var elementCount = 0
  var phase = Phase.start
  var start = 0
  var filled = 0
  var isAtEnd = false
  /// How much must be in the buffer before the pending element is scanned again.
  var retryAt = 0
  /// What the source knows about the file.
  var input = ManifestInput()
  /// The line on which the item before ended, when items follow one another.
  var lastItemLine = 0
  /// What is reported only once, however often it occurs.
  var told: Set<Once> = []

  enum Once { case comma, typographicQuote, otherLanguage }

  private var buffer: [UInt8] = []
  private var sawByteOrderMark = false
  /// Whether there was white space outside elements.
  private(set) var sawSpace = false
  /// The line of `mark`, and how many scalars of that line are before it.
  private(set) var line = 1
  private var columnBase = 0
  private var mark = 0
  private var scanner: (issues: [ElementScanner.Issue], others: [ElementScanner.Member]) = ([], [])

  /// Makes room and lets `read` fill it; `read` returns 0 at the end of the manifest.
  mutating func fill(
    _ read: (UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int
  ) throws(ManifestError) {
    if start > 0 {
      buffer.withUnsafeBufferPointer { moveMark(to: start, in: $0) }
      mark -= start
      let kept = filled - start
      buffer.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        base.copyMemory(from: base + start, byteCount: kept)
      }
      retryAt -= start
      filled = kept
      start = 0
    }
    let room = buffer.count - ElementScanner.padding - filled
    if room < ManifestSource.blockByteCount / 2 {
      let wanted = max(buffer.count * 2, ManifestSource.blockByteCount + ElementScanner.padding)
      var larger = [UInt8](repeating: 0, count: wanted)
      larger.replaceSubrange(..<filled, with: buffer[..<filled])
      buffer = larger
    }
    let filled = self.filled
    let count = try buffer.withUnsafeMutableBufferPointer { (bytes) throws(ManifestError) -> Int in
      let end = min(bytes.count - ElementScanner.padding, filled + ManifestSource.blockByteCount)
      return try read(
        UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: bytes[filled..<end])))
    }
    self.filled += count
    isAtEnd = count == 0
    for position in self.filled..<self.filled + ElementScanner.padding { buffer[position] = 0 }
  }

  /// Goes on until the collector is full, more input is needed, or the manifest has been read.
  mutating func parse(into collector: inout ItemCollector) -> Outcome {
    // A copy of the reference: the buffer is only read here, while `self` changes.
    let bytes = buffer
    return bytes.withUnsafeBufferPointer { text in
      guard let base = text.baseAddress else { return isAtEnd ? endEmpty(into: &collector) : .needsInput }
      var scanner = ElementScanner(text: base, end: filled, spansLines: true)
      swap(&scanner.issues, &self.scanner.issues)
      swap(&scanner.others, &self.scanner.others)
      defer {
        swap(&scanner.issues, &self.scanner.issues)
        swap(&scanner.others, &self.scanner.others)
      }
      while phase != .ended {
        if collector.isFull { return .full }
        if filled < retryAt && !isAtEnd { return .needsInput }
        guard step(text, &scanner, &collector) else { return .needsInput }
      }
      return .ended
    }
  }

  /// Does one thing; false when it needs more input.
  private mutating func step(
    _ text: UnsafeBufferPointer<UInt8>, _ scanner: inout ElementScanner, _ collector: inout ItemCollector
  ) -> Bool {
    if phase == .restOfLine { return skipRestOfLine(text) }
    if phase == .restOfItem { return skipRestOfItem(text) }
    if phase == .start, !sawByteOrderMark, !skipByteOrderMark(text) { return false }
    skipSpace(text)
    if start < filled, text[start] == 0xEF {
      switch skipInnerMark(text) {
      case true?: return true
      case nil: return false
      case false?: break
      }
    }
    guard start < filled else { return isAtEnd ? end(text, &collector) : false }
    switch phase {
    case .start where !canName(start): return false
    case .item: return item(text, &scanner, &collector)
    case .element: return arrayElement(text, &scanner, &collector)
    default: return punctuation(text, &collector)
    }
  }

  /// RFC 8259, section 8.1, lets a reader ignore a byte order mark at the start. False when it cannot yet be told.
  private mutating func skipByteOrderMark(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let found = text[start..<min(filled, start + 3)]
    if found.count < 3, !isAtEnd, byteOrderMark.starts(with: found) { return false }
    if found.elementsEqual(byteOrderMark) {
      start += 3
      mark = start
    }
    sawByteOrderMark = true
    return true
  }

  /// Skips a byte order mark between elements, as in files that were put together. Returns whether there was one; nil
  /// when that is not known yet.
  private mutating func skipInnerMark(_ text: UnsafeBufferPointer<UInt8>) -> Bool? {
    guard filled - start >= 3 || isAtEnd else { return nil }
    guard filled - start >= 3, text[start + 1] == 0xBB, text[start + 2] == 0xBF else { return false }
    start += 3
    return true
  }

  /// Whether a whole JSON text was read, or none yet.
  private var isBetweenTexts: Bool { phase == .start || phase == .item || phase == .afterArray }

  private mutating func skipSpace(_ text: UnsafeBufferPointer<UInt8>) {
    var position = start
    if position < filled, text[position] == 0x20, text.isUniform(position..<filled) { position = filled }
    loop: while position < filled {
      switch text[position] {
      case 0x0A:
        line += 1
        columnBase = 0
        mark = position + 1
      case 0x20, 0x09, 0x0D: break
      case ManifestParser.recordSeparator where isBetweenTexts: break
      default: break loop
      }
      position += 1
    }
    if position > start { sawSpace = true }
    start = position
  }

  private mutating func skipRestOfLine(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    start = lineEnd(text)
    guard start < filled else {
      if isAtEnd { phase = .ended }
      return isAtEnd
    }
    phase = .item
    return true
  }

  /// Continues at the next line that begins with a brace: programs that write an item over several lines write only
  /// its first one there. A record separator begins an item, too.
  private mutating func skipRestOfItem(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    while true {
      let feed = lineEnd(text)
      start = feed
      guard feed < filled else { break }
      guard feed + 1 < filled || isAtEnd else { return false }
      line += 1
      columnBase = 0
      mark = feed + 1
      start = feed + 1
      if start < filled, text[start] == UInt8(ascii: "{") || text[start] == ManifestParser.recordSeparator {
        phase = .item
        return true
      }
    }
    if isAtEnd { phase = .ended }
    return isAtEnd
  }

  /// Moves `mark` forward; every byte of a line is looked at once.
  private mutating func moveMark(to position: Int, in text: UnsafeBufferPointer<UInt8>) {
    columnBase += TextPosition.scalarCount(text, from: mark, to: position)
    mark = max(mark, position)
  }

  /// The place of `start`.
  mutating func place(in text: UnsafeBufferPointer<UInt8>) -> TextPosition {
    moveMark(to: start, in: text)
    return TextPosition(line: line, column: columnBase + 1)
  }

  /// Goes to the end of an element that had the given line feeds in it.
  mutating func advance(to position: Int, lineFeeds: Int, last: Int) {
    start = position
    retryAt = 0
    if lineFeeds > 0 {
      line += lineFeeds
      columnBase = 0
      mark = last + 1
    }
  }

  /// Waits until there is more of the pending element.
  mutating func awaitMore() -> Bool {
    let pending = filled - start
    retryAt =
      pending < ManifestParser.eagerLimit
      ? 0 : start + min(pending * 2, ManifestParser.elementLimit + 1)
    return false
  }

  private mutating func endEmpty(into collector: inout ItemCollector) -> Outcome {
    reportEmpty(&collector)
    phase = .ended
    return .ended
  }
}
