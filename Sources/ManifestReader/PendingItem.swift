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
}
