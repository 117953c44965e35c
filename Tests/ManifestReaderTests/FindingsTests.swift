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
      .itemExceedsChunk, .itemTooLong, .tooManyMembers, .fileChanged, .notSent, .changedItem,
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

  /// Items with what the API of v1.3 does not take, by two lines each of which the reader would warn of.
  private static let withUnsent = [
    item(1, more: #","transcription":"s3://B/1 .txt""#), item(2).replacing(#""en""#, with: #""ko""#),
    item(3, more: #","transcription":"s3://bucket/3.srt""#).replacing(#""en""#, with: #""""#),
    item(4, more: #","transcription":"""#).replacing(#""en""#, with: #""\u0065n""#),
    item(5, more: #","transcription":null"#),
  ]

  @Test(arguments: [256 * 1024, 1])
  func whatIsNotSentIsOneFindingForTheManifest(batchBytes: Int) async throws {
    // What repeats an earlier item is no item.
    let text = (Self.withUnsent + [Self.withUnsent[0]]).joined(separator: "\n")
    let reading = try await read(
      Array(text.utf8), batchBytes: batchBytes, sendsTranscriptionAndLanguage: false)
    #expect(reading.itemCount == 5)
    #expect(reading.findings.kept.map(\.code) == [.notSent, .repeatedItem])
    #expect(reading.findings.total == 2)
    let finding = try #require(reading.findings.kept.first)
    #expect((finding.line, finding.column, finding.item) == (nil, nil, nil))
    #expect(
      finding.message
        == """
        transcriptions (2 items) and languages other than "en" (2 items): the assets API of v1.3 takes neither \
        transcription nor language, so they are kept in the records and not sent
        """)
    let sent = try await read(Array(text.utf8))
    #expect(!sent.findings.kept.map(\.code).contains(.notSent))
    #expect(sent.findings.kept.count { $0.code == .unusualLanguage } == 2)
    #expect(sent.digest == reading.digest)
  }

  @Test(arguments: [(true, "passed through untouched"), (false, "kept in the records and not sent")])
  func whatBecomesOfAnUnknownFieldIsSaid(isSent: Bool, words: String) async throws {
    let text = item(1, more: #","scene":7"#)
    let reading = try await read(Array(text.utf8), sendsTranscriptionAndLanguage: isSent)
    #expect(reading.findings.kept.map(\.code) == [.unknownField])
    #expect(reading.findings.kept.first?.message.hasSuffix("; it is \(words)") == true)
    #expect(reading.itemCount == 1)
  }

  @Test func whatIsNotSentIsCountedAsFarAsItemsAreRead() async throws {
    let text = Array(Self.withUnsent.joined(separator: "\n").utf8)
    let first = try await read(text, limit: 1, sendsTranscriptionAndLanguage: false)
    #expect(first.limitReached)
    #expect(first.findings.kept.map(\.code) == [.notSent])
    #expect(first.findings.kept.first?.message.hasPrefix("transcriptions (1 item): the assets API") == true)
    let none = try await read(
      Array(Self.withUnsent[3...].joined(separator: "\n").utf8), sendsTranscriptionAndLanguage: false)
    #expect(none.findings.total == 0)
  }

  @Test(arguments: [
    (#""language":5"#, "", Finding.Code.notAString), (#""x":"en""#, "", .missingField),
    (#""language":"en""#, #","transcription":"1.srt""#, .invalidTranscription),
    (#""language":"en""#, #","transcription":"s3://b/\u0000""#, .nulCharacter),
  ])
  func whatIsNotSentHasToBeValid(language: String, more: String, code: Finding.Code) async throws {
    let text = item(1, more: more).replacing(#""language":"en""#, with: language)
    let reading = try await read(Array(text.utf8), sendsTranscriptionAndLanguage: false)
    #expect(reading.itemCount == 0)
    #expect(reading.findings.kept.map(\.code).contains(code))
    #expect(reading.findings.kept.allSatisfy { $0.code != .notSent })
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
