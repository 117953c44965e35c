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
    func identity(_ source: String) -> ItemIdentity { fingerprint(source).identity }
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

  private func fingerprint(_ source: String) -> ItemFingerprint {
    var maker = FingerprintMaker()
    return Array(source.utf8).withUnsafeBufferPointer { maker.fingerprint(of: $0) }
  }

  @Test(
    "the content of an item is the same however it is written",
    arguments: [
      #"{"index_id":"629d","language":"en","object":"s3://b/a.mp4"}"#,
      #"{ "object" : "s3://b/a.mp4", "language" : "en" , "index_id" : "629d" }"#,
      #"{"index_id":"629d","language":"en","object":"s3://b/a.mp4","transcription":null}"#,
      #"{"index_id":"629d","transcription":"","language":"en","object":"s3://b/a.mp4"}"#,
      #"{"index_id":"629d","language":"\u0065n","object":"s3:\/\/b\/a.mp4"}"#,
      #"{"index_id":"629d","language":"en","object":"s3://b/a.mp4","orchestrate":{"size":7}}"#,
    ])
  func sameContent(source: String) {
    #expect(
      fingerprint(source) == fingerprint(#"{"index_id":"629d","object":"s3://b/a.mp4","language":"en"}"#))
  }

  @Test(
    "an item that says something else has another content and the same identity",
    arguments: [
      #"{"index_id":"629d","language":"de","object":"s3://b/a.mp4"}"#,
      #"{"index_id":"629d","language":"en","object":"s3://b/a.mp4","transcription":"s3://b/a.srt"}"#,
      #"{"index_id":"629d","language":"en","object":"s3://b/a.mp4","x":1}"#,
      #"{"index_id":"629d","language":"en","object":"s3://b/a.mp4","x":"1"}"#,
      #"{"index_id":"629d","language":"en","object":"s3://b/a.mp4","x":[1, {"y": 2}]}"#,
      #"{"index_id":"629d","language":"enx","object":"s3://b/a.mp4"}"#,
    ])
  func otherContent(source: String) {
    let plain = fingerprint(#"{"index_id":"629d","object":"s3://b/a.mp4","language":"en"}"#)
    #expect(fingerprint(source).identity == plain.identity)
    #expect(fingerprint(source).content != plain.content)
    // With spaces, in another order, and with an escape, which is read in another way.
    let respelled = source.replacing(",", with: " , ").replacing("s3:", with: "s\\u0033:")
    #expect(fingerprint(respelled) == fingerprint(source))
  }
}
