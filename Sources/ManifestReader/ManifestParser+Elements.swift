import BatchDomain

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

extension ManifestParser {
  /// Scans the element of an array at `start`; false when it needs more input.
  mutating func arrayElement(
    _ text: UnsafeBufferPointer<UInt8>, _ scanner: inout ElementScanner, _ collector: inout ItemCollector
  ) -> Bool {
    if text[start] == UInt8(ascii: "]") {
      let fault = SyntaxFault(kind: .trailingComma, offset: start)
      report(fault, element: nil, text, &collector)
      phase = .ended
      return true
    }
    let next = scanner.scan(from: start)
    let isCut = scanner.fault?.kind == .incomplete
    let seen = next >= 0 ? next : isCut ? filled : (scanner.fault?.offset ?? start) + 1
    if seen - start > ManifestParser.elementLimit {
      reportTooLong(text, &collector)
      phase = .ended
    } else if let fault = scanner.fault {
      if (isCut || !canName(fault.offset)) && !isAtEnd { return awaitMore() }
      report(fault, element: elementCount, text, &collector)
      phase = .ended
    } else if next == filled && !isAtEnd && scanner.kind == .number {
      // Only a number does not show where it ends.
      return awaitMore()
    } else {
      take(scanner, to: next, text, &collector)
      phase = .separator
    }
    elementCount += 1
    return true
  }

  /// Hands on the element that was scanned from `start` to `next`, and goes behind it.
  private mutating func take(
    _ scanner: borrowing ElementScanner, to next: Int, _ text: UnsafeBufferPointer<UInt8>,
    _ collector: inout ItemCollector
  ) {
    if elementCount == 0, let shape = foreignShape(scanner, text, to: next) {
      report(shape, text, &collector)
      collector.passesOver = scanner.kind
    } else {
      collector.take(scanner, from: start, to: next, position: place(in: text), element: elementCount)
    }
    advance(to: next, lineFeeds: scanner.lineFeedCount, last: scanner.lastLineFeed)
  }

  /// What the first element says about the manifest; nil when it may be an item.
  private func foreignShape(
    _ scanner: borrowing ElementScanner, _ text: UnsafeBufferPointer<UInt8>, to next: Int
  ) -> JSONShape? {
    let isItem =
      scanner.kind == .object
      && (scanner.indexID.kind != .absent || scanner.object.kind != .absent
        || scanner.language.kind != .absent)
    return isItem ? nil : JSONShape(ofElement: UnsafeBufferPointer(rebasing: text[start..<next]))
  }

  /// Scans the item at `start`, where items follow one another without an array; false when it needs more input.
  mutating func item(
    _ text: UnsafeBufferPointer<UInt8>, _ scanner: inout ElementScanner, _ collector: inout ItemCollector
  ) -> Bool {
    guard text[start] == UInt8(ascii: "{") else { return noItem(text, &scanner, &collector) }
    let next = scanner.scan(from: start)
    let isCut = scanner.fault?.kind == .incomplete
    let seen = next >= 0 ? next : isCut ? filled : (scanner.fault?.offset ?? start) + 1
    if seen - start > ManifestParser.elementLimit {
      refuseLong(text, &collector)
    } else if let fault = scanner.fault {
      if isCut && !isAtEnd { return awaitMore() }
      return refuse(fault, scanner, text, &collector)
    } else {
      take(scanner, to: next, text, &collector)
      lastItemLine = line
    }
    elementCount += 1
    return true
  }

  private mutating func refuseLong(
    _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector
  ) {
    let head = UnsafeBufferPointer(rebasing: text[start..<min(filled, start + ManifestParser.eagerLimit)])
    if elementCount == 0, let shape = JSONShape(insideObject: head) {
      report(shape, text, &collector)
      phase = .ended
      return
    }
    reportTooLong(text, &collector)
    phase = lineEnd(text) < filled ? .restOfItem : .restOfLine
    retryAt = 0
  }

  /// Reports the fault of the item at `start` and continues behind it: at the next line when it was meant to be on
  /// one, at the next item when it was meant to be on several. False when more is needed to tell.
  private mutating func refuse(
    _ fault: SyntaxFault, _ scanner: borrowing ElementScanner, _ text: UnsafeBufferPointer<UInt8>,
    _ collector: inout ItemCollector
  ) -> Bool {
    let end = lineEnd(text)
    var fault = fault
    var isOnOneLine = true
    var follower: UInt8?
    if end < filled {
      let window = min(filled, start + ManifestParser.eagerLimit)
      follower = text[min(end, window)..<window].first {
        ![0x20, 0x09, 0x0A, 0x0D, ManifestParser.recordSeparator].contains($0)
      }
      if follower == nil && window < start + ManifestParser.eagerLimit && !isAtEnd { return awaitMore() }
    } else if !isAtEnd && filled < start + ManifestParser.eagerLimit {
      return awaitMore()
    }
    if !canName(fault.offset) { return awaitMore() }
    if end < filled {
      // When an item that was cut off is followed by a whole one, its line alone gives the better message.
      var line = ElementScanner(text: scanner.text, end: end, spansLines: false)
      _ = line.scan(from: start)
      if let inLine = line.fault, inLine.kind == .incomplete, follower != nil, follower != UInt8(ascii: "{") {
        isOnOneLine = false
      } else if let inLine = line.fault {
        fault = inLine
        isOnOneLine = !(follower.map { [0x22, 0x27, 0x7D, 0x5D].contains($0) } ?? false)
      }
    }
    let isWrapped = elementCount == 0 && fault.kind == .incomplete
    if isWrapped, let shape = JSONShape(insideObject: UnsafeBufferPointer(rebasing: text[start..<filled])) {
      report(shape, text, &collector)
      phase = .ended
      return true
    }
    report(fault, element: elementCount, text, &collector)
    elementCount += 1
    phase = isOnOneLine ? .restOfLine : .restOfItem
    retryAt = 0
    start = min(end, filled)
    return true
  }

  /// Handles what stands where an item should begin; false when it needs more input.
  private mutating func noItem(
    _ text: UnsafeBufferPointer<UInt8>, _ scanner: inout ElementScanner, _ collector: inout ItemCollector
  ) -> Bool {
    if text[start] == UInt8(ascii: ",") && elementCount > 0 {
      reportComma(text, &collector)
      start += 1
      return true
    }
    if let isDone = zeros(text, &collector) { return isDone }
    let end = lineEnd(text)
    if end - start > ManifestParser.elementLimit {
      reportTooLong(text, &collector)
      elementCount += 1
      phase = .restOfLine
      retryAt = 0
      return true
    }
    if end == filled && !isAtEnd { return awaitMore() }
    if line == lastItemLine {
      let place = place(in: text)
      let found = FindingText.character(UnsafeBufferPointer(rebasing: text[..<filled]), at: start)
      collector.report(
        .syntaxError, element: elementCount - 1, from: place, at: place,
        "found \(found) after the item, expected the end of the line or another item")
    } else {
      odd(text, &scanner, &collector, end: end)
      elementCount += 1
    }
    advance(to: end, lineFeeds: 0, last: 0)
    return true
  }

  /// Scans a line that is no item.
  private mutating func odd(
    _ text: UnsafeBufferPointer<UInt8>, _ scanner: inout ElementScanner, _ collector: inout ItemCollector,
    end: Int
  ) {
    var line = ElementScanner(text: scanner.text, end: end, spansLines: false)
    let next = line.scan(from: start)
    if let fault = line.fault {
      report(fault, element: elementCount, text, &collector)
      return
    }
    let rest = line.skipSpaceAtEnd(next)
    if rest < end {
      let from = place(in: text)
      let whole = UnsafeBufferPointer(rebasing: text[start..<filled])
      collector.report(
        .syntaxError, element: elementCount, from: from, at: from.advanced(over: whole, to: rest - start),
        "found \(FindingText.character(whole, at: rest - start)) after the value, expected the end of the line"
      )
    } else {
      collector.take(line, from: start, to: next, position: place(in: text), element: elementCount)
    }
  }
}

extension ManifestParser {
  /// The offset of the line feed that ends the line at `start`, or of the end of what was read.
  func lineEnd(_ text: UnsafeBufferPointer<UInt8>) -> Int {
    guard let base = text.baseAddress, let found = memchr(base + start, 0x0A, filled - start) else {
      return filled
    }
    return UnsafeRawPointer(found) - UnsafeRawPointer(base)
  }
}

extension ElementScanner {
  /// The offset behind whitespace that follows an element; it does not count as part of the element.
  func skipSpaceAtEnd(_ start: Int) -> Int {
    var position = start
    while position < end, text[position] == 0x20 || text[position] == 0x09 || text[position] == 0x0D {
      position += 1
    }
    return position
  }
}
