import BatchDomain
import ManifestReader
import Testing

/// Manifests in UTF-16 read as the same text in UTF-8 does.
@Suite struct EncodingTests {
  static let texts = [
    "[\n\(item(1, name: "é😀\u{FFFD}.mp4")),\n 17]",
    "\(item(1))\n\(item(2, name: "漢字\u{10FFFF}.mp4"))\n{\"😀\": x}\n",
    "[]", "", " \n", "[\(item(1))", "{\(item(1).dropFirst())\(item(2))", "\u{FEFF}\u{FEFF}[\(item(3))]",
  ]

  @Test(arguments: texts, [false, true])
  func `either order of bytes gives the same, mark or not`(text: String, isBigEndian: Bool) async throws {
    let expected = try await read(text)
    for mark in ["\u{FEFF}", ""] where !mark.isEmpty || text.utf16.count > 1 {
      let bytes = isBigEndian ? UTF16Text.bigEndian(mark + text) : UTF16Text.littleEndian(mark + text)
      for sizes in [[Int.max], [1], [2], [3], [17]] {
        #expect(try await read(bytes, sizes: sizes) == expected)
      }
      #expect(try await read(Gzip.member(bytes)) == expected)
    }
  }

  @Test func `half of a surrogate pair is a finding in its place`() async throws {
    let text = #"[{"é":""#
    let rest = UTF16Text.littleEndian("x\"}]")
    for half in [[0x3D, 0xD8], [0x00, 0xDC], [0x3D, 0xD8, 0x3D, 0xD8]] as [[UInt8]] {
      let bytes = UTF16Text.littleEndian(text) + half + rest
      let finding = try #require(try await read(bytes, sizes: [3]).findings.kept.first)
      #expect(finding.code == .invalidUTF8)
      #expect((finding.line, finding.column) == (1, 8))
      #expect(finding.message.contains("half of a surrogate pair"), "\(finding.message)")
    }
    let cut = UTF16Text.littleEndian("[\(item(1))]") + [0x3D, 0xD8]
    #expect(try await read(cut).findings.kept.map(\.code) == [.trailingContent])
  }

  @Test func `an odd byte at the end is a finding unless it is white space`() async throws {
    let text = UTF16Text.littleEndian("[\(item(1))]\n")
    #expect(try await read(text + [0x0A]).findings.total == 0)
    #expect(try await read(text + [0x5B]).findings.kept.map(\.code) == [.trailingContent])
  }

  @Test func `a manifest of many blocks is read in UTF-16`() async throws {
    let lines = (0..<5_000).map { item($0, name: "é\($0)😀.mp4") }
    let text = lines.joined(separator: "\n")
    let expected = try await read(text)
    #expect(expected.itemCount == 5_000)
    #expect(try await read(UTF16Text.littleEndian(text), sizes: [70_001]) == expected)
  }

  @Test func `names in two forms of Unicode are two items`() async throws {
    let composed = item(1, name: "\u{E9}.mp4")
    let decomposed = item(1, name: "e\u{301}.mp4")
    let reading = try await read("\(composed)\n\(decomposed)\n")
    #expect(reading.itemCount == 2)
    #expect(reading.findings.total == 0)
    #expect(reading.entries.allSatisfy { !$0.nameClashes })
  }
}
