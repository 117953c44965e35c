/// Source texts of items as one JSON array: `[`, the unchanged texts joined by `,`, and `]`. Several items are stored
/// in this form.
///
/// A sequence of the texts, in order. It checks nothing: text that was not made by ``append(_:to:)`` gives unspecified
/// elements, but never a trap.
package struct SourceArray: Sequence, IteratorProtocol {
  private let text: UnsafeBufferPointer<UInt8>
  private var position = 1

  /// The texts in `text`, which must outlive this value and its elements.
  package init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

  /// The next text; `nil` after the last.
  package mutating func next() -> UnsafeBufferPointer<UInt8>? {
    guard position < text.count else { return nil }
    let end = JSONWalk.endOfValue(text, at: position)
    guard end > position else { return nil }
    defer { position = end + 1 }
    return UnsafeBufferPointer(rebasing: text[position..<end])
  }

  /// Appends a text to an unfinished array; an empty `array` is started. Call ``close(_:)`` at the end.
  package static func append(_ source: UnsafeBufferPointer<UInt8>, to array: inout [UInt8]) {
    array.append(array.isEmpty ? UInt8(ascii: "[") : UInt8(ascii: ","))
    array.append(contentsOf: source)
  }

  /// Ends an array that ``append(_:to:)`` made.
  package static func close(_ array: inout [UInt8]) { array.append(UInt8(ascii: "]")) }
}
