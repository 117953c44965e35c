import BatchDomain

/// An item of an earlier batch, as the store gave it back.
struct RecordedItem {
  let source: [UInt8]
  let indexID: [UInt8]
  let object: [UInt8]

  init(_ source: [UInt8]) {
    self.source = source
    var indexID: [UInt8] = []
    var object: [UInt8] = []
    source.withUnsafeBufferPointer { text in
      let walk = ItemMembers(text)
      for member in walk.members {
        let name = walk.name(of: member)
        if name.elementsEqual("index_id".utf8) {
          indexID = walk.string(of: member) ?? []
        } else if name.elementsEqual("object".utf8) {
          object = walk.string(of: member) ?? []
        }
      }
    }
    self.indexID = indexID
    self.object = object
  }
}
