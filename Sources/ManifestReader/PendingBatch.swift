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
