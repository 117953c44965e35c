/// A place in the text of a manifest.
struct TextPosition: Equatable {
  /// From 1; lines end with a line feed.
  var line: Int
  /// From 1, in Unicode scalars.
  var column: Int

  /// The place `offset` bytes into `text`, which itself starts at this place.
  func advanced(over text: UnsafeBufferPointer<UInt8>, to offset: Int) -> TextPosition {
    var result = self
    var lineStart = 0
    for position in 0..<offset where text[position] == 0x0A {
      result.line += 1
      result.column = 1
      lineStart = position + 1
    }
    result.column += TextPosition.scalarCount(text, from: lineStart, to: offset)
    return result
  }

  /// How many Unicode scalars start in `text[start..<end]`: the bytes that are not continuation bytes.
  static func scalarCount(_ text: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) -> Int {
    guard start < end else { return 0 }
    if text.isUniform(start..<end) { return text[start] & 0xC0 == 0x80 ? 0 : end - start }
    var count = 0
    for position in start..<end where text[position] & 0xC0 != 0x80 { count += 1 }
    return count
  }
}
