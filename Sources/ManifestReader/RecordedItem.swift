import BatchDomain

/// An item of an earlier batch, as the store gave it back.
struct RecordedItem {
  let text: [UInt8]
  let indexID: [UInt8]
  let object: [UInt8]

  init(_ text: [UInt8]) {
    self.text = text
    (indexID, object) = text.withUnsafeBufferPointer { ItemMembers($0).identity }
  }
}
