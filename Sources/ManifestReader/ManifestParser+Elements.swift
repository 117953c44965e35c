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
      if isCut && !isAtEnd { return awaitMore() }
      report(fault, element: elementCount, text, &collector)
      phase = .ended
    } else if next == filled && !isAtEnd && scanner.kind == .number {
      // Only a number does not show by itself where it ends.
      return awaitMore()
    } else {
      collector.take(scanner, from: start, to: next, position: place(in: text), element: elementCount)
      advance(to: next, lineFeeds: scanner.lineFeedCount, last: scanner.lastLineFeed)
      phase = .separator
    }
    elementCount += 1
    return true
  }

  /// Scans the line at `start`; false when it needs more input.
  mutating func lineElement(
    _ text: UnsafeBufferPointer<UInt8>, _ scanner: inout ElementScanner, _ collector: inout ItemCollector
  ) -> Bool {
    let end = lineEnd(text)
    if end - start > ManifestParser.elementLimit {
      reportTooLong(text, &collector)
      elementCount += 1
      phase = .restOfLongLine
      retryAt = 0
      return true
    }
    if end == filled && !isAtEnd { return awaitMore() }
    var line = ElementScanner(text: scanner.text, end: end, spansLines: false)
    swap(&line.issues, &scanner.issues)
    swap(&line.others, &scanner.others)
    let next = line.scan(from: start)
    if let fault = line.fault {
      report(fault, element: elementCount, text, &collector)
    } else {
      let rest = line.skipSpaceAtEnd(next)
      if rest < end {
        let found = FindingText.byte(text[rest])
        let from = place(in: text)
        collector.report(
          .syntaxError, element: elementCount, from: from,
          at: from.advanced(over: UnsafeBufferPointer(rebasing: text[start...]), to: rest - start),
          "found \(found) after the item, expected the end of the line (JSON lines)")
      } else {
        collector.take(line, from: start, to: next, position: place(in: text), element: elementCount)
      }
    }
    swap(&line.issues, &scanner.issues)
    swap(&line.others, &scanner.others)
    elementCount += 1
    advance(to: end, lineFeeds: 0, last: 0)
    return true
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
