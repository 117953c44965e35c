import BatchDomain
import Testing

@Suite struct WireFormTests {
  @Test(arguments: [
    (#"{}"#, #"{}"#),
    (#"{ "a" : "b c" , "d" : [ 1 , 2.50 , { "e" : null } ] }"#, #"{"a":"b c","d":[1,2.50,{"e":null}]}"#),
    ("{\r\n\t\"a\"\n:\t1e+5\r}", #"{"a":1e+5}"#),
    (#"{"a":"\u0041\/\" \\"  }"#, #"{"a":"\u0041\/\" \\"}"#),
    (#"{"transcription":null}"#, #"{}"#),
    (#"{"transcription":"","a":1}"#, #"{"a":1}"#),
    (#"{"a":1 , "transcription" : null , "b":2}"#, #"{"a":1,"b":2}"#),
    (#"{"a":1,"transcr\u0069ption":""}"#, #"{"a":1}"#),
    (#"{"transcription":" "}"#, #"{"transcription":" "}"#),
    (#"{"transcription":"s3://b/k.srt"}"#, #"{"transcription":"s3://b/k.srt"}"#),
    (#"{"a":{"transcription":null}}"#, #"{"a":{"transcription":null}}"#),
    (#"{"b":"transcription","transcriptions":null}"#, #"{"b":"transcription","transcriptions":null}"#),
    (#"{"é":"ü  😀" }"#, #"{"é":"ü  😀"}"#),
  ])
  func wireFormLeavesOutOnlyWhatItShould(source: String, wire: String) {
    #expect(String(decoding: WireForm.bytes(of: source.utf8), as: UTF8.self) == wire)
    #expect(WireForm.bytes(of: wire.utf8) == Array(wire.utf8), "the wire form of a wire form is itself")
    #expect(restored(wire, ItemLayout(source)) == source)
  }

  @Test("layout and wire form of an item are its source text, whatever was read before it")
  func layouts() {
    let sources = [
      #"{"a":"b","c":1}"#, #"{"a": "b", "c": 1}"#, #"{"a": "x\"y", "c": 12.50}"#, #"{"a": "b",  "c": 1}"#,
      "{\n  \"a\": \"b\",\n  \"transcription\": null\n}", "{\n  \"a\": \"c\",\n  \"transcription\": null\n}",
      "{\n  \"a\": \"c\",\n  \"transcription\": \"\"\n}", "{\n  \"a\": \"c\",\n  \"transcription\": \"s\"\n}",
      #"{ "transcription" : null , "a" : [ {} , 1 ] , "b":{ "c" : "," } }"#, #"{ "transcription":"" }"#,
      "{ }",
      #"{"a": "b","transcription":null, "c": 1}"#, #"{"a":"b","transcription":"","transcriptions":null}"#,
    ]
    for first in sources {
      for second in sources {
        var batch = ItemBatch(firstSequence: 0)
        for source in [first, second, first] {
          Array(source.utf8).withUnsafeBufferPointer {
            batch.append(
              source: $0, wireLength: WireForm.bytes(of: $0).count, element: 0, nameClashes: false,
              continuesIndex: false)
          }
        }
        #expect(
          batch.entries.map { String(decoding: batch.source(of: $0), as: UTF8.self) } == [
            first, second, first,
          ])
        #expect(
          batch.entries.map { Array(batch.wireForm(of: $0)) }
            == [first, second, first].map { WireForm.bytes(of: $0.utf8) })
      }
    }
  }

  @Test("items that are written alike share their layout")
  func sharedLayout() {
    var batch = ItemBatch(firstSequence: 0)
    for number in 0..<50 {
      let source = Array("{\n  \"object\": \"s3://b/\(number).mp4\",\n  \"transcription\": null\n}".utf8)
      source.withUnsafeBufferPointer {
        batch.append(
          source: $0, wireLength: WireForm.bytes(of: $0).count, element: number, nameClashes: false,
          continuesIndex: true)
      }
    }
    #expect(batch.layouts.count == 1)
    #expect(Set(batch.entries.map(\.layout)) == [0])
  }

  @Test("a layout that does not fit says so", arguments: ["", "{", "{}", #"{"a":1,"b":2}"#, "[1]", #"{"a"#])
  func foreignLayout(wire: String) {
    var source: [UInt8] = []
    Array(wire.utf8).withUnsafeBufferPointer {
      #expect(!ItemLayout(#"{ "a" : 1 }"#).appendSource(of: $0, to: &source))
    }
  }

  private func restored(_ wire: String, _ layout: ItemLayout) -> String? {
    var source: [UInt8] = []
    let fits = Array(wire.utf8).withUnsafeBufferPointer { layout.appendSource(of: $0, to: &source) }
    return fits ? String(decoding: source, as: UTF8.self) : nil
  }

  @Test(arguments: [
    "", "{", "{\"", "{\"a", "{\"a\":", "{\"a\":\"\\", "[1,2", "{\"a\":\"\\u12", "null", "{}}}", "{\"a\":}",
  ])
  func unvalidatedTextDoesNotTrap(source: String) {
    _ = WireForm.bytes(of: source.utf8)
    _ = Item(source.utf8)
    _ = ItemLayout(source)
  }
}

extension ItemLayout {
  fileprivate init(_ source: String) {
    self = Array(source.utf8).withUnsafeBufferPointer { ItemLayout(source: $0) }
  }
}
