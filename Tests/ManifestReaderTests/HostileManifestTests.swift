import BatchDomain
import ManifestReader
import Testing

/// Manifests meant to exhaust the reader: each ends in time with a finding or normally, and memory stays bounded.
/// Time is measured in blocks read, since how fast a machine is says nothing.
@Suite struct HostileManifestTests {
  private static let gibibyte = 1 << 30
  private static let megabyte = 1 << 20
  /// Far above what a reader needs beside the other tests of this process, far below the texts.
  private static let memoryLimit = gibibyte

  /// Reads to the end, keeping no items.
  private func read(_ parts: [EndlessSource.Part]) async throws -> (ManifestReader, EndlessSource) {
    let source = EndlessSource(parts)
    let before = EndlessSource.peakMemory
    var reader = ManifestReader(
      source: ManifestSource(source, name: "test.json"), options: .init(maxItemBytes: Self.megabyte),
      earlier: RememberedItems())
    while try await reader.nextBatch() != nil {}
    #expect(EndlessSource.peakMemory - before < Self.memoryLimit)
    #expect(source.readCount <= source.byteCount / ManifestSource.blockByteCount + 200)
    return (reader, source)
  }

  private func codes(_ reader: ManifestReader) -> [Finding.Code] { reader.findings.kept.map(\.code) }

  @Test func `4 GiB of spaces are an empty manifest`() async throws {
    let (reader, source) = try await read([.init(" ", times: 4 * Self.gibibyte)])
    #expect(codes(reader) == [.emptyManifest])
    #expect(source.byteCount == 4 * Self.gibibyte)
  }

  @Test(arguments: [true, false])
  func `4 GiB of spaces before an item are passed over`(inLines: Bool) async throws {
    let (reader, _) = try await read([
      .init(inLines ? item(1) + "\n" : "[\(item(1)),"), .init(" ", times: 4 * Self.gibibyte),
      .init(item(2) + (inLines ? "" : ",17]")),
    ])
    #expect(reader.itemCount == 2)
    #expect(codes(reader) == (inLines ? [] : [.notAnObject]))
    // The column is beyond what 32 bits hold.
    #expect(reader.findings.kept.allSatisfy { ($0.column ?? 0) > 4 * Self.gibibyte })
  }

  @Test func `millions of line feeds are counted`() async throws {
    let (reader, _) = try await read([.init("\n", times: 4 * Self.megabyte), .init("{}")])
    #expect(reader.findings.kept.first?.line == 4 * Self.megabyte + 1)
  }

  @Test(arguments: ["{\"x\":\"", "{\"", "{\"x\":", "{\"x\":-0.", "{\"x\":1e", "\"", "1"])
  func `an element without an end in an array is given up after its limit`(beginning: String) async throws {
    let (reader, source) = try await read([
      .init("[\(item(1)),"), .init(beginning), .init("1", times: 4 * Self.gibibyte), .init("]"),
    ])
    #expect(codes(reader) == [.itemTooLong])
    #expect(reader.itemCount == 1)
    #expect(source.byteCount < 32 * Self.megabyte)
  }

  @Test(arguments: ["{\"x\":\"", "{\"x\":", "{ "])
  func `a line of 4 GiB is passed over`(beginning: String) async throws {
    let (reader, _) = try await read([
      .init("\(item(1))\n\(beginning)"), .init("1", times: 4 * Self.gibibyte), .init("\n17\n\(item(2))"),
    ])
    // A fault in the line is found before its length is.
    #expect(codes(reader) == [beginning == "{ " ? .syntaxError : .itemTooLong, .notAnObject])
    #expect(reader.findings.kept.map(\.line) == [2, 3])
    #expect(reader.itemCount == 2)
  }

  @Test(arguments: ["[", "{\"a\":", "[{\"a\":[", "{\"\\u0061\" : [ "], [false, true])
  func `nesting of 100,000 levels is a finding`(level: String, inItem: Bool) async throws {
    let start = inItem ? "[\(item(1)),{\"x\":" : "[\(item(1)),"
    let (reader, source) = try await read([.init(start), .init(level, times: 100_000), .init("]")])
    #expect(codes(reader) == [.nestingTooDeep])
    #expect(reader.itemCount == 1)
    #expect(source.readCount <= 8)
    let lines = start.dropFirst().replacing("},{", with: "}\n{") + String(repeating: level, count: 100_000)
    guard inItem else { return }
    let (byLine, _) = try await read([.init(lines + "\n" + item(2))])
    #expect(codes(byLine) == [.nestingTooDeep])
    #expect(byLine.itemCount == 2)
  }

  @Test(arguments: [
    "1e999999", "-1E-999999", String(repeating: "9", count: 10_000),
    "0." + String(repeating: "0", count: 9_999),
  ])
  func `a number of any size is passed on as it stands`(number: String) async throws {
    let text = item(1, more: ",\"x\":[\(number)]")
    let reading = try await ManifestReaderTests.read("[\(text)]")
    #expect(reading.items == [text])
    #expect(reading.findings.kept.map(\.code) == [.unknownField])
    let asField = try await ManifestReaderTests.read(
      "[{\"index_id\":\(number),\"language\":\"en\",\"object\":\"s3://bucket/k\"}]")
    #expect(asField.findings.kept.map(\.code) == [.notAString])
  }

  @Test func `a string of megabytes is refused in few words`() async throws {
    let text = String(repeating: "x", count: 7 * Self.megabyte)
    for members in [
      "\"index_id\":\"\(text)\",\"language\":\"en\",\"object\":\"s3://bucket/k\"",
      "\"index_id\":\"1\",\"language\":\"\(text)\",\"object\":\"s3://bucket/k\"",
      "\"index_id\":\"1\",\"language\":\"en\",\"object\":\"\(text)\"", "\"\(text)\":1",
    ] {
      let (reader, _) = try await read([.init("[{\(members)}]")])
      #expect(codes(reader).contains(.itemExceedsChunk))
      #expect(reader.findings.kept.allSatisfy { $0.message.count <= Finding.messageLimit })
      #expect(reader.itemCount == 0)
    }
  }

  @Test func `a million members of one item are a finding`() async throws {
    let (reader, _) = try await read([
      .init("[{"), .init("\"m\":0,", times: 1_000_000), .init("\"n\":0}]"),
    ])
    #expect(codes(reader) == [.tooManyMembers])
  }

  @Test func `faults without number are counted, and twenty kept`() async throws {
    let (reader, _) = try await read([.init("["), .init("0,", times: 200_000), .init("{}]")])
    #expect(reader.elementCount == 200_001)
    #expect(reader.findings.fatalCount == 200_003)
    #expect(reader.findings.kept.count == FindingLog.keptLimit)
  }

  @Test func `more items than can be numbered are an error`() async throws {
    let text = Array((0..<10).map { item($0) }.joined(separator: "\n").utf8)
    for (limit, isRead) in [(11, true), (10, false), (3, false)] {
      var reader = ManifestReader(
        source: ManifestSource(BlockSource(text), name: "test.json"),
        options: .init(maxItemBytes: 1_000, batchBytes: 1, sequenceLimit: limit), earlier: RememberedItems())
      var code: ManifestError.Code?
      do {
        while try await reader.nextBatch() != nil {}
      } catch let error as ManifestError {
        code = error.code
        #expect(error.message.contains("\(limit) items"))
      }
      #expect(code == (isRead ? nil : .tooManyItems))
      #expect(reader.itemCount == min(limit - 1, 10))
    }
  }
}
