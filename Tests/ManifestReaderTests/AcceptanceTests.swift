import BatchDomain
import Foundation
import ManifestReader
import Testing

/// A small generator with a seed, so that a failure can be repeated.
struct SeededRandom: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

@Suite struct AcceptanceTests {
  private static let scalars = [
    "0", "-0", "12", "-3.25", "1e5", "2E-3", "true", "false", "null", "\"\"", "\"a b\"", "\"\\n\\u00e9é\"",
    "\"\\ud83d\\ude00\"",
  ]

  static func value(_ random: inout SeededRandom, depth: Int) -> String {
    let space = ["", "", " ", "\n", "\t "].randomElement(using: &random) ?? ""
    switch depth > 3 ? 0 : Int.random(in: 0..<4, using: &random) {
    case 1:
      let elements = (0..<Int.random(in: 0..<4, using: &random)).map { _ in value(&random, depth: depth + 1) }
      return space + "[" + elements.joined(separator: ",") + space + "]"
    case 2:
      let members = (0..<Int.random(in: 0..<4, using: &random)).map {
        "\"k\($0)\":" + value(&random, depth: depth + 1)
      }
      return space + "{" + members.joined(separator: space + ",") + "}" + space
    default: return space + (scalars.randomElement(using: &random) ?? "0") + space
    }
  }

  /// Whether the reader has nothing to say against the text as such.
  private static func accepts(_ bytes: [UInt8]) async throws -> Bool {
    let textual: Set<Finding.Code> = [
      .notJSON, .syntaxError, .invalidUTF8, .truncated, .trailingContent, .nestingTooDeep, .emptyManifest,
    ]
    return try await read(bytes).findings.kept.allSatisfy { !textual.contains($0.code) }
  }

  @Test(arguments: 0..<300)
  func generatedTextIsAccepted(seed: Int) async throws {
    var random = SeededRandom(state: UInt64(seed))
    let text = "[" + AcceptanceTests.value(&random, depth: 0) + "]"
    #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(text.utf8)) }
    #expect(try await AcceptanceTests.accepts(Array(text.utf8)), "\(text)")
  }

  /// One byte changed, taken out or put in: both readers must agree, except where Foundation is known to be laxer
  /// (trailing commas, words and numbers it rounds, raw control characters in strings); there ours must refuse.
  @Test(arguments: 0..<300)
  func mutatedTextIsNeverAcceptedWhenFoundationRefusesIt(seed: Int) async throws {
    var random = SeededRandom(state: UInt64(seed) &+ 1_000_000)
    let original = Array(("[" + AcceptanceTests.value(&random, depth: 0) + "]").utf8)
    let alphabet = Array("[]{}:,\"\\0123456789.eE+-truefalsn \n\u{1}".utf8) + [0xC3, 0xA9, 0xED, 0xFF]
    for _ in 0..<10 {
      var bytes = original
      let place = Int.random(in: 1..<max(2, bytes.count), using: &random)
      let byte = alphabet.randomElement(using: &random) ?? 0
      switch Int.random(in: 0..<3, using: &random) {
      case 0: bytes[min(place, bytes.count - 1)] = byte
      case 1: bytes.remove(at: min(place, bytes.count - 1))
      default: bytes.insert(byte, at: place)
      }
      let foundation = (try? JSONSerialization.jsonObject(with: Data(bytes))) is [Any]
      let ours = try await AcceptanceTests.accepts(bytes)
      // A lone surrogate is well-formed JSON (RFC 8259, section 8.2) that Foundation cannot represent; the reader
      // reports it as its own kind of finding.
      let text = String(decoding: bytes, as: UTF8.self)
      if ours && !foundation { #expect(text.contains("\\u"), "only Foundation refuses: \(text)") }
      if !ours && foundation { Self.expectKnownLaxness(text) }
    }
  }

  private static func expectKnownLaxness(_ text: String) {
    let hasTrailingComma = text.contains(#/,\s*[\]}]/#)
    let hasControl = text.unicodeScalars.contains { $0.value < 0x20 }
    #expect(hasTrailingComma || hasControl, "only this reader refuses: \(text)")
  }

  @Test(arguments: [[Int.max], [1], [7]])
  func `record separators before items are white space, and nowhere else`(sizes: [Int]) async throws {
    let plain = try await read("\(item(1))\n\(item(2))\n")
    let sequence = "\u{1E}\(item(1))\n\u{1E}\u{1E}\(item(2))\n\u{1E}"
    #expect(try await read(Array(sequence.utf8), sizes: sizes) == plain)
    #expect(try await read(Array("\u{1E}[\(item(1)),\(item(2))]\n\u{1E}".utf8), sizes: sizes) == plain)
    for broken in ["[\u{1E}\(item(1))]", "[\(item(1))\u{1E},\(item(2))]", "{\u{1E}\(item(1).dropFirst())"] {
      let codes = try await read(Array(broken.utf8), sizes: sizes).findings.kept.map(\.code)
      #expect(codes == [.syntaxError], "\(broken)")
    }
  }

  @Test func `items of a sequence behind one that is cut off are read`() async throws {
    let reading = try await read("\u{1E}{\"index_id\":\n\u{1E}\(item(1))\n\u{1E}\(item(2))\n")
    #expect(reading.findings.kept.map(\.code) == [.truncated])
    #expect(reading.itemCount == 2)
  }
}
