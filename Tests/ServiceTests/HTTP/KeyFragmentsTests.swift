import Testing

@testable import ServiceHTTP

@Suite("Stretches of the key")
struct KeyFragmentsTests {
  static let key = "tlk_0A1B2C3D4E5F6G7H8I9J"

  static let rows: [(String, String)] = [
    ("your key tlk_0A1B2C3D... is wrong", "your key [removed]... is wrong"),
    ("it ends with 6G7H8I9J", "it ends with [removed]"),
    ("in the middle: 2c3d4e5f6g", "in the middle: [removed]"),
    ("it ends with 8I9J", "it ends with 8I9J"),
    ("tlk_ is how keys begin", "tlk_ is how keys begin"),
    ("nothing of it", "nothing of it"),
  ]

  @Test("a stretch of eight letters or more is removed, less is not", arguments: rows)
  func stretches(text: String, expected: String) throws {
    let scrubber = Scrubber(key: try APIKey(Self.key))
    #expect(scrubber.scrub(text) == expected)
  }
}
