import BatchDomain
import Testing

@Suite struct FindingTests {
  static func finding(_ code: Finding.Code, line: Int) -> Finding {
    Finding(code: code, line: line, column: 1, item: nil, message: "m")
  }

  @Test(arguments: [
    ("plain é", "plain é"), ("a\nb\tc\rd", #"a\nb\tc\rd"#), ("\u{1B}[31m", #"\u{1B}[31m"#),
    ("\u{0}", #"\u{0}"#), ("x\u{202E}y", #"x\u{202E}y"#), ("\r\n", #"\r\n"#),
    ("a\u{200B}\u{61C}\u{2060}b", #"a\u{200B}\u{61C}\u{2060}b"#), ("👩\u{200D}👩", "👩\u{200D}👩"),
  ])
  func controlCharactersAreVisible(text: String, shown: String) {
    #expect(VisibleText.escaped(text, limit: 200) == shown)
  }

  /// Control characters, separators, and what Unicode calls default-ignorable, except what shapes its neighbours.
  @Test func hiddenCharactersAreThoseOfUnicode() {
    let shaping: Set<UInt32> = [0x034F, 0x200C, 0x200D, 0x180B, 0x180C, 0x180D, 0x180F]
    for value in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let properties = scalar.properties
      let isVariation = (0xFE00...0xFE0F).contains(value) || (0xE0100...0xE01EF).contains(value)
      let isObeyed = [.control, .lineSeparator, .paragraphSeparator].contains(properties.generalCategory)
      let isIgnored = properties.isDefaultIgnorableCodePoint && !shaping.contains(value) && !isVariation
      let isAnnotation = (0xFFF9...0xFFFB).contains(value)
      #expect(
        VisibleText.isHidden(scalar) == (isObeyed || isIgnored || isAnnotation), "\(String(value, radix: 16))"
      )
    }
  }

  @Test(
    arguments: [
      ("\u{A0}", "U+00A0 NO-BREAK SPACE"), ("\u{200B}", "U+200B ZERO WIDTH SPACE"), ("\u{0}", "U+0000 NULL"),
      ("\u{1B}", "U+001B ESCAPE"), ("\u{7F}", "U+007F DELETE"), ("“", "U+201C LEFT DOUBLE QUOTATION MARK"),
      ("😀", "U+1F600 GRINNING FACE"), ("\u{E000}", "U+E000"),
    ] as [(Unicode.Scalar, String)])
  func charactersHaveNames(scalar: Unicode.Scalar, name: String) {
    #expect(VisibleText.name(of: scalar) == name)
  }

  @Test func remedyNamesTheFileInItsFirstCommand() {
    #expect(Finding.Remedy("Do it").text(file: "x") == "Do it.")
    let pipeline = Finding.Remedy("Do it", commands: ["gzip -dc", "b"], output: "c.jsonl")
    #expect(pipeline.text(file: "'x y'") == "Do it: `gzip -dc < 'x y' | b > c.jsonl`.")
    let named = Finding.Remedy("Do it", commands: ["unzip -p"], takesName: true, output: "c.json")
    #expect(named.text(file: "a/c.json") == "Do it: `unzip -p a/c.json > new-c.json`.")
  }

  @Test func messagesAreCut() {
    func message(_ length: Int) -> String {
      Finding(code: .notJSON, line: 1, column: 1, item: nil, message: String(repeating: "é", count: length))
        .message
    }
    #expect(message(200) == String(repeating: "é", count: 200))
    #expect(message(201) == String(repeating: "é", count: 199) + "…")
    #expect(VisibleText.escaped(String(repeating: "\n", count: 200), limit: 5).count <= 5)
  }

  @Test func fatalFindingsDisplaceWarningsAndOrderIsTheFiles() {
    var log = FindingLog()
    for line in 1...25 { log.record(FindingTests.finding(.unknownField, line: line)) }
    log.record(FindingTests.finding(.notAnObject, line: 30))
    log.record(FindingTests.finding(.missingField, line: 3))
    #expect(log.kept.count == 20)
    #expect(log.kept.map { $0.line ?? 0 } == Array(1...3) + [3] + Array(4...18) + [30])
    #expect(log.total == 27)
    #expect(log.fatalCount == 2)
    #expect(log.warningCount == 25)
    #expect(log.unkeptCount == 7)
    #expect(log.hasFatal)
  }

  @Test func earlierPlacesDisplaceLaterOnesOfTheSameWeight() {
    var log = FindingLog()
    for line in 101...130 { log.record(FindingTests.finding(.notAnObject, line: line)) }
    #expect(!log.mightKeep(.fatal, line: 200, column: 1))
    #expect(!log.mightKeep(.warning, line: 1, column: 1))
    #expect(log.mightKeep(.fatal, line: 50, column: 1))
    log.record(FindingTests.finding(.conflictingItem, line: 50))
    log.count(.warning)
    #expect(log.kept.first?.code == .conflictingItem)
    #expect(log.kept.last?.line == 119)
    #expect(log.total == 32)
  }

  @Test func codesAreUniqueAndSnakeCase() {
    let codes = Finding.Code.allCases.map(\.rawValue)
    #expect(Set(codes).count == codes.count)
    #expect(codes.allSatisfy { $0.allSatisfy { $0 == "_" || ($0.isLowercase && $0.isASCII) || $0.isNumber } })
  }
}
