import BatchDomain

extension ManifestParser {
  /// Handles what stands between elements; always makes progress.
  mutating func punctuation(
    _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector
  ) -> Bool {
    let byte = text[start]
    switch (phase, byte) {
    // Three zero bytes behind the first character of ASCII are UTF-32.
    case (.start, _) where start + 3 < filled && text[start + 1..<start + 4].allSatisfy({ $0 == 0 }):
      return foreign(text, &collector)
    case (.start, UInt8(ascii: "[")):
      start += 1
      phase = .firstElement
    case (.start, UInt8(ascii: "{")): phase = .item
    case (.start, _): return foreign(text, &collector)
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
      guard canName(start) else { return false }
      if isZeros(at: start, in: text) { return stopAtZeros(text, &collector) }
      stop(.syntaxError, text, &collector, "found \(found(text)) after an element, expected `,` or `]`")
    case (_, UInt8(ascii: "[")):
      stop(
        .trailingContent, text, &collector,
        "a second array begins here, expected one array of all items",
        collector.findings.hasFatal
          ? nil
          : Conversion.behind(
            input,
            Finding.Remedy(
              "Join the arrays with jq", commands: ["jq -c '.[]'"],
              output: "converted.jsonl")))
    default:
      guard canName(start) else { return false }
      if isZeros(at: start, in: text) { return stopAtZeros(text, &collector) }
      stop(
        .trailingContent, text, &collector,
        "found \(found(text)) after the array, expected the end of the manifest")
    }
    return true
  }

  /// Whether the character at an offset is there as a whole, so that it can be named.
  func canName(_ offset: Int) -> Bool { offset + 4 <= filled || isAtEnd }

  /// Whether NULs begin at an offset, and more of them than a slip leaves: a block of the file was never written.
  private func isZeros(at offset: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    offset + 4 <= filled && text[offset..<offset + 4].allSatisfy { $0 == 0 }
  }

  /// Ends the manifest at NULs, which have no end that is worth looking for; true.
  private mutating func stopAtZeros(
    _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector
  ) -> Bool {
    stop(.truncated, text, &collector, ManifestParser.zerosFound, ManifestParser.copyAgain)
    return true
  }

  /// As ``stopAtZeros(_:_:)``, where an item should begin; `nil` when there are none, false when that is not known yet.
  mutating func zeros(
    _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector
  ) -> Bool? {
    guard text[start] == 0 else { return nil }
    guard canName(start) else { return awaitMore() }
    return isZeros(at: start, in: text) ? stopAtZeros(text, &collector) : nil
  }

  private func found(_ text: UnsafeBufferPointer<UInt8>) -> String {
    FindingText.character(UnsafeBufferPointer(rebasing: text[..<filled]), at: start)
  }

  /// Handles a text that begins like no JSON that could be a manifest; false when it needs more of it.
  private mutating func foreign(
    _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector
  ) -> Bool {
    guard filled - start >= ForeignFormat.headLength || isAtEnd else { return false }
    let head = UnsafeBufferPointer(rebasing: text[start..<min(filled, start + ForeignFormat.headLength)])
    let isWhole = isAtEnd && start + head.count == filled
    if let format = ForeignFormat(head, isWhole: isWhole, source: input) {
      let whole = input.isCompressed ? "the content of the gzip file" : "the manifest"
      stop(
        .notJSON, text, &collector,
        "\(whole) is \(format.name), expected a JSON array of items, or one item after the other",
        format.remedy)
    } else {
      let line = head.prefix { $0 >= 0x20 }.prefix(200)
      let isText = (0x21..<0x7F).contains(head[0]) && line.count > 1
      let shown = isText ? FindingText.quoted(line) : FindingText.character(head, at: 0)
      let isComment = ["//", "/*", "#"].contains { line.starts(with: $0.utf8) }
      stop(
        .notJSON, text, &collector,
        "the manifest begins with \(shown), expected `[` of a JSON array or `{` of an item"
          + (isComment ? "; JSON has no comments" : ""))
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
        "the manifest ends after \(elementCount) elements without `]`, expected the rest of the array",
        ManifestParser.cutOff)
    default: break
    }
    phase = .ended
    return true
  }

  mutating func reportEmpty(_ collector: inout ItemCollector) {
    let place = TextPosition(line: 1, column: 1)
    let found = sawSpace ? "the manifest holds only white space" : "the manifest is empty"
    collector.report(
      .emptyManifest, element: nil, from: place, at: place,
      "\(found), expected a JSON array of items or one item after the other",
      remedy: Finding.Remedy("Check that the program that wrote it finished, and write it again"))
  }

  private static let zerosFound =
    "NUL bytes begin here, as a power cut or an interrupted copy leaves them, expected the rest of the manifest"
  private static let copyAgain = Finding.Remedy("Copy or export the manifest again")
  private static let cutOff = Finding.Remedy(
    "Copy or export the manifest again; it was probably cut off on the way")

  /// Reports a broken rule inside the element at `start`.
  mutating func report(
    _ fault: SyntaxFault, element: Int?, _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector
  ) {
    let from = place(in: text)
    let rest = UnsafeBufferPointer(rebasing: text[start..<filled])
    let offset = fault.offset - start
    var (code, message) = FindingText.syntax(fault.kind, rest, at: offset)
    var remedy: Finding.Remedy?
    if fault.kind == .incomplete {
      let whole = phase == .item && fault.offset < filled ? "line" : "manifest"
      let expected = phase == .item ? "a whole item on each line (JSON lines)" : "the rest of it"
      message = "the \(whole) ends inside an element, expected \(expected)"
      code = .truncated
      if whole == "manifest" { remedy = ManifestParser.cutOff }
    } else if isZeros(at: fault.offset, in: text) {
      (code, message, remedy) = (.truncated, ManifestParser.zerosFound, ManifestParser.copyAgain)
    } else if let cause = cause(of: fault, rest, at: offset) {
      guard told.insert(cause).inserted else { return }
      remedy = self.remedy(for: cause)
    } else if fault.kind == .invalidUTF8, offset < rest.count, rest[offset] != 0xED {
      remedy = Conversion.behind(
        input,
        Finding.Remedy(
          "If a Windows program wrote it, convert it to UTF-8",
          commands: ["iconv -f WINDOWS-1252 -t UTF-8"]))
    }
    collector.report(
      code, element: element, from: from, at: from.advanced(over: rest, to: offset), message, remedy: remedy)
  }

  /// The habit of another program that a fault comes from, which then occurs in every item; nil for any other fault.
  private func cause(of fault: SyntaxFault, _ text: UnsafeBufferPointer<UInt8>, at offset: Int) -> Once? {
    guard offset < text.count else { return nil }
    if FindingText.isTypographicQuote(FindingText.scalar(text, at: offset)) { return .typographicQuote }
    let isQuote = text[offset] == UInt8(ascii: "'")
    return isQuote && (fault.kind == .expectedName || fault.kind == .expectedValue) ? .otherLanguage : nil
  }

  private func remedy(for cause: Once) -> Finding.Remedy {
    let remedy =
      switch cause {
      case .comma:
        Finding.Remedy(
          "Remove the commas", commands: [#"sed 's/^[[:space:]]*,//; s/,[[:space:]]*$//'"#],
          output: "converted.jsonl")
      case .typographicQuote:
        Finding.Remedy(
          "Replace them with plain quotation marks",
          commands: [#"sed 's/“/"/g; s/”/"/g; s/„/"/g; s/‟/"/g; s/«/"/g; s/»/"/g'"#])
      case .otherLanguage:
        Conversion.python(
          "Make the program that wrote it write JSON (json.dumps in Python, JSON.stringify in JavaScript), or convert it with Python",
          "ast, json, sys",
          phase == .item
            ? "(ast.literal_eval(l) for l in sys.stdin if l.strip())" : "ast.literal_eval(sys.stdin.read())")
      }
    return Conversion.behind(input, remedy)
  }

  /// Reports, once, that commas stand between items that are in no array.
  mutating func reportComma(_ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector) {
    guard told.insert(.comma).inserted else { return }
    let place = place(in: text)
    collector.report(
      .syntaxError, element: nil, from: place, at: place,
      "found `,` between items, expected none in JSON lines, or `[` before the first item and `]` after the last",
      remedy: remedy(for: .comma))
  }

  /// Reports, once, that the manifest is another list than one of items, of which the element at `start` is the first.
  mutating func report(
    _ shape: JSONShape, _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector
  ) {
    let place = place(in: text)
    var path = (phase == .item ? "" : ".[]") + shape.path
    if path.hasPrefix("[") { path = "." + path }
    let found =
      if shape.isInsideObject {
        "the manifest is one JSON object with a list inside (\(path))"
      } else {
        switch shape.elements {
        case .keys(let listing):
          "the list is a listing of a bucket, with a \"\(listing.member)\" in each element"
        case .inventory: "the manifest is the manifest.json of an S3 inventory"
        case .addresses, .names:
          shape.path.isEmpty || shape.path == "[]"
            ? "the list holds strings" : "the list holds lists, with a name in each (\(path))"
        case .items, .other: "the list holds lists"
        }
      }
    var isListed = false
    // What `aws s3api` answers, and its objects alone.
    if case .keys(let listing) = shape.elements, listing.isListed {
      isListed = ["", ".[]", ".Contents[]"].contains { path.utf8.elementsEqual($0.utf8) }
    }
    collector.report(
      .otherList, element: nil, from: place, at: place,
      "\(found), expected items: objects with index_id, language and object",
      remedy: Conversion.behind(
        input, Conversion.jq(path, shape.elements), isListed: isListed))
  }

  mutating func reportTooLong(_ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector) {
    let from = place(in: text)
    collector.report(
      .itemTooLong, element: elementCount, from: from, at: from,
      "the element is longer than \(ManifestParser.elementLimit) bytes, expected a short item")
  }

  private mutating func stop(
    _ code: Finding.Code, _ text: UnsafeBufferPointer<UInt8>, _ collector: inout ItemCollector,
    _ message: String, _ remedy: Finding.Remedy? = nil
  ) {
    let place = place(in: text)
    collector.report(code, element: nil, from: place, at: place, message, remedy: remedy)
    phase = .ended
  }
}
