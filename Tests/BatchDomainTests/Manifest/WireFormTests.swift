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
    var known: [UInt8] = [1]
    Array(source.utf8).withUnsafeBufferPointer {
      WireForm.append(source: $0, wireLength: wire.utf8.count, to: &known)
    }
    #expect(known == [1] + Array(wire.utf8))
  }

  @Test(arguments: [
    "", "{", "{\"", "{\"a", "{\"a\":", "{\"a\":\"\\", "[1,2", "{\"a\":\"\\u12", "null", "{}}}", "{\"a\":}",
  ])
  func unvalidatedTextDoesNotTrap(source: String) {
    _ = WireForm.bytes(of: source.utf8)
    _ = ItemText(source.utf8)
  }
}
