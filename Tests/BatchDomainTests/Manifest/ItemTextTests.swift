import BatchDomain
import Testing

@Suite struct ItemTextTests {
  @Test func fieldsAreDecoded() {
    let source = #"""
      { "x": {"object": 1}, "obj\u0065ct" : "s3:\/\/b\/dir\/\u00e9 \ud83d\ude00\".mp4", "language":"en",
        "transcription": "s3://b/a.srt", "index_id":"629d" }
      """#
    let text = ItemText(source.utf8)
    #expect(text.indexID == "629d")
    #expect(text.language == "en")
    #expect(text.object == "s3://b/dir/é 😀\".mp4")
    #expect(text.name == "é 😀\".mp4")
    #expect(text.transcription == "s3://b/a.srt")
  }

  @Test(arguments: [#"{"transcription":null}"#, #"{"transcription":""}"#, "{}"])
  func absentTranscriptionIsNil(source: String) {
    #expect(ItemText(source.utf8).transcription == nil)
  }

  @Test(arguments: [("s3://b/k", "k"), ("s3://b/a/b/c.mp4", "c.mp4"), ("s3://b/a/", ""), ("k", "k")])
  func nameIsTheLastSegment(object: String, name: String) {
    #expect(String(decoding: ItemText.name(ofObject: Array(object.utf8)), as: UTF8.self) == name)
  }
}
