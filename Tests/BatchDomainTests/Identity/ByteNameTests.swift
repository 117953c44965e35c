import Testing

@testable import BatchDomain

@Suite("Names are bytes")
struct ByteNameTests {
  /// `é` as one character, and as `e` with an accent.
  private let composed = "r\u{E9}sum\u{E9}.mp4"
  private let decomposed = "re\u{301}sume\u{301}.mp4"

  @Test("two names that look alike are two names, in every type and every collection")
  func alike() {
    #expect(composed == decomposed)
    #expect(FileName(composed) != FileName(decomposed))
    #expect(ObjectName("s3://b/" + composed) != ObjectName("s3://b/" + decomposed))
    #expect(IndexID(composed) != IndexID(decomposed))
    #expect(Set([FileName(composed), FileName(decomposed), FileName(composed)]).count == 2)
    #expect([IndexID(composed): 1, IndexID(decomposed): 2][IndexID(decomposed)] == 2)
  }

  @Test("names are ordered by their bytes")
  func ordered() {
    let names = ["b", "\u{E9}", "e\u{301}", "a", ""].map { FileName($0) }
    #expect(
      names.sorted().map(\.rawValue).map { Array($0.utf8) } == [
        [], [0x61], [0x62], [0x65, 0xCC, 0x81], [0xC3, 0xA9],
      ])
  }

  @Test(
    "a file name is what follows the last slash, whatever follows it",
    arguments: [
      ("s3://b/a/c.mp4", "c.mp4"), ("s3://b/a/", ""), ("none", "none"), ("s3://b/\u{301}x", "\u{301}x"),
      ("", ""),
    ])
  func fileName(object: String, name: String) {
    #expect(ObjectName(object).fileName == FileName(name))
  }
}
