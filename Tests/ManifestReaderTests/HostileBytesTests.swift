import BatchDomain
import ManifestReader
import Testing

/// Single bytes and characters where they do not belong, in every place.
@Suite struct HostileBytesTests {
  private static let array = Array(
    "[\(item(1, more: ",\"x\":[1.5e3,true,null,\"é\\n\"]")) ,\n\(item(2))]\n".utf8)
  private static let lines = Array(
    "\(item(1, more: ",\"x\":[1.5e3,true,null,\"é\\n\"]"))\r\n\n\(item(2))\n".utf8)

  @Test(arguments: [array, lines])
  func `a NUL byte anywhere is a finding`(manifest: [UInt8]) async throws {
    for place in 0...manifest.count {
      var inserted = manifest
      inserted.insert(0, at: place)
      let whole = try await read(inserted)
      #expect(whole.findings.hasFatal, "at \(place)")
      #expect(try await read(inserted, sizes: [place + 1, Int.max]) == whole, "at \(place)")
    }
  }

  /// Texts behind which a block of the file was never written, and the line and column of its first byte.
  private static let beginnings: [(text: String, line: Int, column: Int)] = [
    ("\(item(1))\n", 2, 1), ("\(item(1))", 1, item(1).count + 1), ("\(item(1))\n{\"index_id\":\"62", 2, 16),
    ("\(item(1))\n{\"index_id\"", 2, 12), ("\(item(1))\n{", 2, 2), ("[\(item(1))", 1, item(1).count + 2),
    ("[\(item(1)),\n", 2, 1), ("[\(item(1)),\n{\"index_id\":\"62", 2, 16), ("[\n", 2, 1),
    ("[\(item(1))]\n", 2, 1),
  ]

  @Test(arguments: beginnings.indices)
  func `a block of NUL behind items is one finding that says so, however long it is`(index: Int) async throws
  {
    let (text, line, column) = Self.beginnings[index]
    for count in [4, 4_096, 9 << 20] {
      let bytes = Array(text.utf8) + [UInt8](repeating: 0, count: count)
      let reading = try await read(bytes)
      let fatal = reading.findings.kept.filter { $0.code.isFatal }
      #expect(fatal.map(\.code) == [.truncated], "\(text): \(fatal.map(\.message))")
      #expect((fatal.first?.line, fatal.first?.column) == (line, column))
      #expect(fatal.first?.message.contains("NUL bytes begin here") == true)
      #expect(fatal.first?.remedy?.sentence == "Copy or export the manifest again")
      if count == 4 { #expect(try await read(bytes, sizes: [1]) == reading) }
      if count == 4_096 { #expect(try await read(bytes, sizes: [text.utf8.count + 1, 100]) == reading) }
    }
  }

  @Test(arguments: [
    #"\ud800"#, #"\uDBFF"#, #"\udc00"#, #"\udfff"#, #"\ud800\ud800"#, #"\udc00\ud800"#, #"\ud800x\udc00"#,
    #"\ud800A\udc00"#, #"\ud800\\udc00"#, #"\ud83d\ude00\ude00"#, #"\ud83d\ud83d\ude00"#, #"\ud800\n"#,
  ])
  func `half of a surrogate pair is a finding in any string`(escape: String) async throws {
    for text in [
      item(1, more: ",\"x\":\"\(escape)\""), item(1, more: ",\"\(escape)\":1"),
      item(1, more: ",\"x\":[{\"y\":[\"\(escape)\"]}]"), item(1, more: ",\"x\":{\"\(escape)\":0}"),
      item(1, name: escape), item(1, index: escape),
    ] {
      for form in ["[\(text)]", text] {
        let codes = try await read(form).findings.kept.map(\.code).filter { $0.isFatal }
        #expect(codes == [.loneSurrogate], "\(form)")
      }
    }
  }

  @Test(arguments: [#"\u0000"#, #"a\u0000b"#, #"\ud800\u0000"#, #"\\\u0000"#])
  func `an escaped NUL is a finding in a field of the service only`(escape: String) async throws {
    for text in [
      item(1, name: escape), item(1, index: escape),
      item(1, more: ",\"transcription\":\"s3://b1b/\(escape)\""),
    ] {
      let codes = try await read("[\(text)]").findings.kept.map(\.code).filter { $0.isFatal }
      #expect(codes.contains(.nulCharacter), "\(text)")
    }
    for text in [
      item(1, more: ",\"x\":\"\(escape)\""), item(1, more: ",\"\(escape)\":1"),
      item(1, more: ",\"x\":[{\"y\":[\"\(escape)\"]}]"),
    ] where !escape.contains("ud800") {
      let reading = try await read("[\(text)]")
      #expect(!reading.findings.hasFatal, "\(text)")
      #expect(reading.items == [text])
    }
    #expect(
      try await read("[\(item(1, more: #","x":"\\u0000""#))]").findings.kept.map(\.code) == [.unknownField])
  }

  /// Every byte of a sequence of two, three and four replaced by every other: a line is sound just when the standard
  /// library takes its bytes for UTF-8.
  @Test(arguments: [
    "\u{80}", "é", "\u{7FF}", "\u{800}", "€", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "😀",
    "\u{10FFFF}",
  ])
  func `bytes that are not UTF-8 are a finding in any place of a character`(character: String) async throws {
    let sequence = Array(character.utf8)
    var manifest: [UInt8] = []
    var expected: [Int] = []
    var count = 0
    func add(_ bytes: [UInt8]) {
      if String(validating: bytes, as: UTF8.self) != nil { expected.append(count) }
      // `item` closes its brace at once, so the member goes before it.
      manifest += Array(item(count).utf8.dropLast()) + Array(",\"x\":\"a".utf8) + bytes + Array("\"}\n".utf8)
      count += 1
    }
    for place in sequence.indices {
      for byte in UInt8(0x80)...0xFF {
        var bytes = sequence
        bytes[place] = byte
        add(bytes)
      }
      add(Array(sequence[..<place]))
      add(Array(sequence[place...]))
      add(Array(sequence[..<place]) + sequence)
      add(sequence + Array(sequence[place...]))
      add(Array(sequence[..<place]) + [0x41] + Array(sequence[place...]))
    }
    let reading = try await read(manifest, maxItemBytes: 1_000)
    #expect(reading.entries.map(\.element) == expected)
    #expect(reading.elementCount == count)
    #expect(reading.findings.kept.filter { $0.code.isFatal }.allSatisfy { $0.code == .invalidUTF8 })
  }

  @Test func `a byte order mark between elements is passed over`() async throws {
    let mark = "\u{FEFF}"
    for text in [
      "[\(mark)\(item(1))]", "[\(item(1))\(mark)]", "[\(item(1)),\(mark)\(item(2))]", "[\(item(1))]\(mark)",
      " \(mark)[\(item(1))]", "\(mark)\(mark)[\(item(1))]", "\(item(1))\n\(mark)\(item(2))",
      "\(item(1))\(mark)\n", "\(item(1))\n\(mark)\n", "\(mark)\(item(1))\n\(mark)\(item(2))\n\(mark)",
    ] {
      for sizes in [[Int.max], [1], [2]] {
        let reading = try await read(text, sizes: sizes)
        #expect(reading.findings.total == 0, "\(text)")
        #expect(reading.itemCount == (text.contains("2.mp4") ? 2 : 1))
      }
    }
  }

  @Test func `a byte order mark inside an item is a finding with its name, except in a string`() async throws
  {
    let mark = "\u{FEFF}"
    for text in ["[{\(mark)}]", "[{\"x\":\(mark)1}]", "[{\"x\"\(mark):1}]", "{\"x\"\(mark):1}"] {
      for sizes in [[Int.max], [1]] {
        let finding = try #require(try await read(text, sizes: sizes).findings.kept.first, "\(text)")
        #expect(finding.severity == .fatal)
        #expect(finding.message.contains("U+FEFF ZERO WIDTH NO-BREAK SPACE (a byte order mark)"))
      }
    }
    #expect(try await read("\(mark)").findings.kept.map(\.code) == [.emptyManifest])
    let inString = try await read("\(mark)[\(item(1, more: ",\"\(mark)\":\"\(mark)\""))]")
    #expect(inString.findings.kept.map(\.code) == [.unknownField])
    #expect(inString.itemCount == 1)
  }
}

extension Finding.Code {
  fileprivate var isFatal: Bool { severity == .fatal }
}
