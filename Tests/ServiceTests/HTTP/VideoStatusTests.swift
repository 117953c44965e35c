import BatchDomain
import ServiceHTTP
import Testing

@Suite("What the service says of a video that it indexes")
struct VideoStatusTests {
  @Test(arguments: [
    ("uploading", TrackedState.waiting), ("validating", .waiting), ("pending", .waiting),
    ("queued", .waiting),
    ("indexing", .indexing), ("ready", .ready), ("failed", .failed),
  ])
  func `a documented word has its state and no detail`(word: String, state: TrackedState) {
    let read = VideoStatus.read(word)
    #expect(read.state == state)
    #expect(read.detail == nil)
  }

  @Test func `a word that nobody knows is no end, and is kept`() {
    let read = VideoStatus.read("transmuting\u{1B}[31m")
    #expect(read.state == .indexing)
    #expect(read.detail?.contains("transmuting") == true)
    #expect(read.detail?.contains("\u{1B}") == false)
    #expect(VideoStatus.read(nil).state == .waiting)
    #expect(VideoStatus.read("Ready").state == .indexing)
  }

  @Test(
    arguments: [
      (#"{"error":{"message":"no audio"}}"#, "no audio"), (#"{"error":"no audio"}"#, "no audio"),
      (#"{"error":{"code":"video_failed","message":"no audio"}}"#, "no audio"),
      (#"{"failure_reason":"no audio"}"#, "no audio"),
      (#"{"error_message":"no audio"}"#, "no audio"), (#"{"error":null,"message":"m"}"#, "m"),
      (#"{"reason":"r"}"#, "r"), (#"{"error":"  "}"#, nil), (#"{"error":{"code":1}}"#, nil), ("{}", nil),
      (#"{"error":"key \#(testKey)"}"#, "key [redacted]"),
    ] as [(String, String?)])
  func `a reason is found where the service puts one, without secrets`(body: String, reason: String?) throws {
    let video = try #require(LenientJSON.parse(Array(body.utf8)))
    let found = VideoStatus.reason(in: video, scrubber: Scrubber(key: try APIKey(testKey)))
    if body.contains(testKey) {
      #expect(found?.contains(testKey) == false)
    } else {
      #expect(found == reason)
    }
  }
}
