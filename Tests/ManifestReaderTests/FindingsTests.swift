import BatchDomain
import ManifestReader
import Testing

@Suite struct FindingsTests {
  @Test(arguments: FindingCase.all)
  func manifestGivesItsFindings(_ example: FindingCase) async throws {
    let reading = try await read(example.bytes)
    let found = reading.findings.kept.map {
      FindingCase.Expected($0.code, $0.line ?? 0, $0.column ?? 0, item: $0.item)
    }
    #expect(found == example.expected)
    #expect(reading.itemCount == example.itemCount)
    #expect(reading.findings.total == example.expected.count)
  }

  @Test(arguments: FindingCase.all)
  func blockBordersChangeNothing(_ example: FindingCase) async throws {
    let whole = try await read(example.bytes)
    #expect(try await read(example.bytes, sizes: [1]) == whole)
    #expect(try await read(example.bytes, sizes: [3]) == whole)
    for split in 0..<example.bytes.count where split > 0 {
      #expect(try await read(example.bytes, sizes: [split, Int.max]) == whole, "split at \(split)")
    }
  }

  @Test func everyKindOfFindingIsInATable() {
    let covered = Set(FindingCase.all.flatMap(\.expected).map(\.code))
    // What a manifest alone does not show, or takes too much of one.
    let elsewhere: Set<Finding.Code> = [
      .itemExceedsChunk, .itemTooLong, .tooManyMembers, .fileChanged, .changedItem,
    ]
    #expect(covered.union(elsewhere) == Set(Finding.Code.allCases))
  }

  @Test func messagesNameWhatWasFoundAndWhatWasExpected() async throws {
    for example in FindingCase.all {
      for finding in try await read(example.bytes).findings.kept {
        #expect(finding.message.count <= Finding.messageLimit)
        #expect(
          finding.message.contains("expected") || finding.severity == .warning, "\(finding.message)")
        #expect(finding.message.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
      }
    }
  }

  @Test func seedSampleGivesOneWarning() async throws {
    let sample = """
      [
        {
          "index_id": "629d807aa9e2a3a33a92c00b1",
          "language": "en",
          "object": "s3://twelve-labs-docs/01.mp4",
          "transcription": "s3://twelve-labs-docs/01.srt"
        },
        {
          "index_id": "629d807aa9e2a3a33a92c00b",
          "language": "en",
          "object": "s3://twelve-labs-docs/02.mp4",
          "transcription": "s3://twelve-labs-docs/02.srt"
        }
      ]
      """
    let reading = try await read(sample)
    #expect(reading.itemCount == 2)
    let finding = try #require(reading.findings.kept.first)
    #expect(reading.findings.total == 1)
    #expect(finding.severity == .warning)
    #expect((finding.line, finding.column, finding.item) == (3, 17, 0))
    #expect(
      finding.message
        == #"index_id is "629d807aa9e2a3a33a92c00b1" (25 characters), expected 24 hexadecimal digits"#)
  }

  @Test func itemLargerThanAChunkIsFatal() async throws {
    let text = Array(
      "[ {\"index_id\" :\"629d807aa9e2a3a33a92c00b\",\"language\":\"en\",\"object\":\"s3://bucket/k\"} ]".utf8
    )
    let wireLength = text.count - 6
    let fitting = try await read(text, maxItemBytes: wireLength + 1)
    #expect(fitting.findings.total == 0)
    let tooLarge = try await read(text, maxItemBytes: fitting.entries[0].length - 1)
    #expect(tooLarge.findings.kept.map(\.code) == [.itemExceedsChunk])
    #expect(tooLarge.findings.kept.first?.column == 3)
    #expect(tooLarge.itemCount == 0)
  }

  @Test func itemWithVeryManyMembersIsFatal() async throws {
    let members = (0..<5000).map { "\"m\($0)\":0" }.joined(separator: ",")
    let reading = try await read("{\(members)}\n\(item(1))")
    #expect(reading.findings.kept.map(\.code) == [.tooManyMembers])
    #expect(reading.itemCount == 1)
  }

  @Test(arguments: [true, false])
  func elementLongerThanTheBufferIsNotKept(inLines: Bool) async throws {
    let long = "{\"x\":\"" + String(repeating: "x", count: 9 << 20) + "\"}"
    let text = inLines ? "\(item(1))\n\(long)\n\(item(2))\n" : "[\(item(1)),\(long),\(item(2))]"
    let whole = try await read(text)
    #expect(whole.findings.kept.map(\.code) == [.itemTooLong])
    #expect(whole.findings.kept.first?.item == 1)
    #expect(whole.itemCount == (inLines ? 2 : 1))
    #expect(try await read(text, sizes: [100_000]) == whole)
  }

  @Test func longElementBelowTheLimitIsReadLinearly() async throws {
    let long = item(1, more: ",\"x\":\"" + String(repeating: "é", count: 3 << 20) + "\"")
    let reading = try await read(Array("[\(long)]".utf8), sizes: [4096], maxItemBytes: 16 << 20)
    #expect(reading.itemCount == 1)
    #expect(reading.findings.kept.map(\.code) == [.unknownField])
  }

  @Test func fatalFindingBehindManyWarningsIsShown() async throws {
    let lines = (0..<100).map { item($0, index: "odd") } + ["17"] + (100..<200).map { item($0, index: "odd") }
    let reading = try await read(lines.joined(separator: "\n"))
    #expect(reading.findings.warningCount == 200)
    #expect(reading.findings.kept.count == 20)
    #expect(reading.findings.kept.last?.code == .notAnObject)
    #expect(reading.findings.hasFatal)
    #expect(reading.itemCount == 200)
  }
}
