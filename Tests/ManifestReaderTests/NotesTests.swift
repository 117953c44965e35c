import BatchDomain
import Testing

@Suite("Notes for this program")
struct NotesTests {
  private static let id = #""index_id":"629d807aa9e2a3a33a92c00b""#
  private static let rest = #""language":"en","object":"s3://bucket/a.mp4""#
  private static let wire = "{\(id),\(rest)}"

  @Test(
    "are not sent, wherever they stand, and are there again in what is exported",
    arguments: [
      #"{"orchestrate":{"size":1},\#(id),\#(rest)}"#, #"{\#(id),"orchestrate":{"size":1},\#(rest)}"#,
      #"{\#(id),\#(rest),"orchestrate":{"size":1}}"#,
      "{ \(id),\n \(rest) ,\n \"orchestrate\" : { \"size\" : 1,\n\t\"storage_class\": \"a } b\" } }",
      #"{"transcription":null,"orchestrate":{"size":1},\#(id),\#(rest)}"#,
      #"{"orchestrate":{},"transcription":"",\#(id),\#(rest)}"#,
      #"{\#(id),\#(rest),"transcription":null,"orchestrate":{}}"#,
      #"{\#(id),\#(rest),"orchestr\u0061te":"something else"}"#,
    ])
  func wireForm(text: String) async throws {
    let reading = try await read(text, sizes: [5])
    #expect(reading.itemCount == 1)
    #expect(reading.items == [text])
    let batch = try #require(reading.batches.first)
    let entry = try #require(batch.entries.first)
    #expect(String(decoding: batch.wireForm(of: entry), as: UTF8.self) == Self.wire)
    #expect(String(decoding: WireForm.bytes(of: text.utf8), as: UTF8.self) == Self.wire)
  }

  @Test("are no difference between two items")
  func content() async throws {
    let items = [1, 2].map { #"{\#(Self.id),\#(Self.rest),"orchestrate":{"size":\#($0)}}"# }
    let reading = try await read(items.joined(separator: "\n") + "\n" + Self.wire)
    #expect(reading.itemCount == 1)
    #expect(reading.repeatedCount == 2)
    #expect(!reading.findings.hasFatal)
  }

  @Test("of an item with nothing else leave an empty object, which is refused for what it lacks")
  func nothingElse() async throws {
    let reading = try await read(#"[{"orchestrate":{},"transcription":null},{"orchestrate":{}}]"#)
    #expect(reading.findings.fatalCount == 6)
    #expect(WireForm.bytes(of: #"{"orchestrate":{},"transcription":null}"#.utf8) == Array("{}".utf8))
  }

  @Test("a member of somebody else with a name like size goes through")
  func others() async throws {
    let text = #"{\#(Self.id),\#(Self.rest),"size":5368709120}"#
    #expect(try await read(text).items == [text])
    #expect(WireForm.bytes(of: text.utf8) == Array(text.utf8))
  }

  @Test("a note that is written is read again")
  func written() throws {
    for note in [
      ItemNote(size: 5, storageClass: "A\"\\\u{1}"), ItemNote(size: .max), ItemNote(storageClass: "GLACIER"),
      ItemNote(),
    ] {
      let value = Array(note.json.utf8).drop { $0 != UInt8(ascii: "{") }
      #expect(value.withUnsafeBufferPointer { ItemNote(value: $0) } == note)
    }
  }
}
