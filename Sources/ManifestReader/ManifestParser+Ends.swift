import BatchDomain

extension ManifestParser {
  /// Handles what stands between elements; always makes progress.
  mutating func punctuation(
    _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector
  ) -> Bool {
    let byte = text[start]
    switch (phase, byte) {
    case (.start, UInt8(ascii: "[")):
      start += 1
      phase = .firstElement
    case (.start, UInt8(ascii: "{")): phase = .line
    case (.start, _):
      stop(
        .notJSON, text, &collector,
        "found \(FindingText.byte(byte)), expected `[` of a JSON array or `{` of JSON lines, in UTF-8")
    case (.firstElement, UInt8(ascii: "]")):
      stop(.emptyArray, text, &collector, "the array is empty, expected at least one item")
      start += 1
      phase = .afterArray
    case (.firstElement, _): phase = .element
    case (.separator, UInt8(ascii: ",")):
      start += 1
      phase = .element
    case (.separator, UInt8(ascii: "]")):
      start += 1
      phase = .afterArray
    case (.separator, _):
      stop(
        .syntaxError, text, &collector,
        "found \(FindingText.byte(byte)) after an element, expected `,` or `]`")
    default:
      stop(
        .trailingContent, text, &collector,
        "found \(FindingText.byte(byte)) after the array, expected the end of the manifest")
    }
    return true
  }

  /// Handles the end of the input outside any element.
  mutating func end(_ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector) -> Bool {
    switch phase {
    case .start: reportEmpty(&collector)
    case .firstElement, .element, .separator:
      stop(
        .truncated, text, &collector,
        "the manifest ends after \(elementCount) elements without `]`, expected the rest of the array")
    default: break
    }
    phase = .ended
    return true
  }

  mutating func reportEmpty(_ collector: inout ItemCollector) {
    let place = TextPosition(line: 1, column: 1)
    collector.report(
      .emptyManifest, element: nil, from: place, at: place,
      "the manifest is empty, expected a JSON array of items or one item on each line")
  }

  /// Reports a broken rule inside the element at `start`.
  mutating func report(
    _ fault: SyntaxFault, element: Int?, _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector
  ) {
    let from = place(in: text)
    let rest = UnsafeBufferPointer(rebasing: text[start...])
    var (code, message) = FindingText.syntax(fault.kind, found: text[fault.offset])
    if fault.kind == .incomplete {
      let whole = phase == .line && fault.offset < filled ? "line" : "manifest"
      let expected = phase == .line ? "a whole item on each line (JSON lines)" : "the rest of it"
      message = "the \(whole) ends inside an element, expected \(expected)"
      code = .truncated
    }
    collector.report(
      code, element: element, from: from, at: from.advanced(over: rest, to: fault.offset - start), message)
  }

  mutating func reportTooLong(_ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector) {
    let from = place(in: text)
    collector.report(
      .itemTooLong, element: elementCount, from: from, at: from,
      "the element is longer than \(ManifestParser.elementLimit) bytes, expected a short item")
  }

  private mutating func stop(
    _ code: Finding.Code, _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector,
    _ message: String
  ) {
    let place = place(in: text)
    collector.report(code, element: nil, from: place, at: place, message)
    phase = .ended
  }
}
