import BatchDomain

/// Whether two items say the same, however they are written.
enum ItemContent {
  /// Compares members by decoded name in any order: strings decoded, a transcription that is absent, null or ""
  /// as none, other values by their text without whitespace. Both texts are already validated.
  static func areEqual(_ first: UnsafeBufferPointer<UInt8>, _ second: UnsafeBufferPointer<UInt8>) -> Bool {
    first.count == second.count && first.elementsEqual(second) || members(of: first) == members(of: second)
  }

  private enum Value: Equatable {
    case string([UInt8])
    case other([UInt8])
  }

  private static func members(of text: UnsafeBufferPointer<UInt8>) -> [[UInt8]: Value] {
    let walk = ItemMembers(text)
    var result: [[UInt8]: Value] = [:]
    for member in walk.members where !walk.isAbsentTranscription(member) {
      let value = walk.string(of: member).map(Value.string) ?? .other(walk.wireText(of: member))
      result[walk.name(of: member)] = value
    }
    return result
  }
}
