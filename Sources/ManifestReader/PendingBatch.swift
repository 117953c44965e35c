import BatchDomain

/// The items read since the last batch went out.
struct PendingBatch {
  var items: [PendingItem] = []
  /// Their source texts, one after the other.
  var bytes: [UInt8] = []
  /// Decoded strings that had escapes.
  var side: [UInt8] = []

  /// Starts anew, with room for source texts of `byteCount` bytes: the array that was filled has been handed on as it is,
  /// and one that grows step by step ends up to twice as large as what is in it.
  mutating func removeAll(reserving byteCount: Int) {
    items.removeAll(keepingCapacity: true)
    bytes = []
    bytes.reserveCapacity(byteCount)
    side.removeAll(keepingCapacity: true)
  }

  /// The bytes of a string of one of the items, while `body` runs.
  @inline(__always)
  func with<Result>(
    _ first: PendingItem.Text, _ second: PendingItem.Text,
    _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    bytes.withUnsafeBufferPointer { bytes in
      side.withUnsafeBufferPointer { side in
        func resolve(_ text: PendingItem.Text) -> UnsafeBufferPointer<UInt8> {
          UnsafeBufferPointer(
            rebasing: (text.isInSide ? side : bytes)[text.offset..<text.offset + text.length])
        }
        return body(resolve(first), resolve(second))
      }
    }
  }

  /// The index and the object of an item, while `body` runs.
  @inline(__always)
  func withIdentity<Result>(
    of item: PendingItem, _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    with(item.indexID, item.object, body)
  }
}

/// A valid item, before it is known whether it repeats an earlier one.
struct PendingItem {
  /// Where a decoded string lies: in the batch's source texts, or in its side buffer when it had escapes.
  struct Text {
    var offset: Int
    var length: Int
    var isInSide: Bool
  }

  var offset: Int
  var length: Int
  var wireLength: Int
  var element: Int
  /// The place of the item's opening brace.
  var position: TextPosition
  var indexID: Text
  var object: Text
  /// How many bytes at the end of `object` are the file name.
  var nameLength: Int
  /// The fingerprint of index and file name.
  var nameFingerprint: UInt64 = 0
  var nameClashes = false
  var hasTranscription = false
  /// Whether the language is another one than `en`.
  var hasOtherLanguage = false
}

/// One scanned element, while its text is still in the parser's buffer.
struct ScannedItem {
  let text: UnsafeBufferPointer<UInt8>
  /// What the scanner's offsets are ahead of `text`'s.
  let start: Int
  let position: TextPosition
  let element: Int

  /// The place of a scanner's offset.
  func place(_ offset: Int) -> TextPosition {
    position.advanced(over: text, to: offset - start)
  }

  /// The literal of a member's value.
  func literal(_ member: ElementScanner.Member) -> Slice<UnsafeBufferPointer<UInt8>> {
    text[member.valueStart - start..<member.valueEnd - start]
  }

  /// The decoded name of a member.
  func name(_ member: ElementScanner.Member) -> [UInt8] {
    decoded(member.nameStart, member.nameEnd)
  }

  /// The decoded value of a member that is a string.
  func string(_ member: ElementScanner.Member) -> [UInt8] {
    decoded(member.valueStart, member.valueEnd)
  }

  /// The scanner's offset of the first escape of NUL in a member that is a string.
  func offsetOfNUL(in member: ElementScanner.Member) -> Int? {
    var position = member.valueStart - start
    let end = member.valueEnd - start
    while position < end {
      guard text[position] == UInt8(ascii: "\\") else {
        position += 1
        continue
      }
      if text[position...].starts(with: "\\u0000".utf8) { return position + start }
      position += 2
    }
    return nil
  }

  /// Where the decoded value of a string member lies once this item's text is at `base` of the batch: in that text,
  /// or, if it had escapes, in `side`, where it is appended.
  @inline(__always)
  func withString(_ member: ElementScanner.Member, side: inout [UInt8], base: Int) -> PendingItem.Text {
    guard member.valueIsEscaped else {
      return PendingItem.Text(
        offset: base + member.valueStart - start + 1, length: member.valueEnd - member.valueStart - 2,
        isInSide: false)
    }
    let offset = side.count
    JSONString.decode(text, from: member.valueStart - start, to: member.valueEnd - start, into: &side)
    return PendingItem.Text(offset: offset, length: side.count - offset, isInSide: true)
  }

  /// The bytes that `withString` placed, this item's text not yet being in the batch.
  @inline(__always)
  func resolve(
    _ place: PendingItem.Text, side: UnsafeBufferPointer<UInt8>, base: Int
  ) -> UnsafeBufferPointer<UInt8> {
    let start = place.isInSide ? place.offset : place.offset - base
    return UnsafeBufferPointer(rebasing: (place.isInSide ? side : text)[start..<start + place.length])
  }

  private func decoded(_ from: Int, _ to: Int) -> [UInt8] {
    var result: [UInt8] = []
    JSONString.decode(text, from: from - start, to: to - start, into: &result)
    return result
  }
}
