import BatchDomain
import Testing

@Suite struct ItemTests {
  @Test func fieldsAreDecoded() {
    let source = #"""
      { "x": {"object": 1}, "obj\u0065ct" : "s3:\/\/b\/dir\/\u00e9 \ud83d\ude00\".mp4", "language":"en",
        "transcription": "s3://b/a.srt", "index_id":"629d" }
      """#
    let item = Item(source.utf8)
    #expect(item.indexID == "629d")
    #expect(item.language == "en")
    #expect(item.object == "s3://b/dir/é 😀\".mp4")
    #expect(item.name == "é 😀\".mp4")
    #expect(item.transcription == "s3://b/a.srt")
  }

  @Test(arguments: [#"{"transcription":null}"#, #"{"transcription":""}"#, "{}"])
  func absentTranscriptionIsNil(source: String) {
    #expect(Item(source.utf8).transcription == nil)
  }

  @Test(arguments: [("s3://b/k", "k"), ("s3://b/a/b/c.mp4", "c.mp4"), ("s3://b/a/", ""), ("k", "k")])
  func nameIsTheLastSegment(object: String, name: String) {
    #expect(String(decoding: Item.name(ofObject: Array(object.utf8)), as: UTF8.self) == name)
  }

  @Test("an item is known by index and object, however they are written")
  func identity() {
    func identity(_ source: String) -> ItemIdentity {
      Array(source.utf8).withUnsafeBufferPointer { ItemIdentity($0) }
    }
    let known = identity(#"{"index_id":"629d","object":"s3://b/é.mp4"}"#)
    #expect(
      identity(
        #"{ "language": "en", "obj\u0065ct": "s3:\/\/b\/\u00e9.mp4", "index_i\u0064" : "629d", "x": {"object": "y"} }"#
      )
        == known)
    #expect(identity(#"{"index_id":"629d","object":"s3://b/e\u0301.mp4"}"#) != known)
    #expect(identity(#"{"index_id":"629ds3","object":"://b/é.mp4"}"#) != known)
    #expect(identity(#"{"index_id":"629d","objecs":"s3://b/é.mp4"}"#) != known)
  }
}
