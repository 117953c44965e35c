/// What an item looks like in a request, derived from its source text and the same on every attempt.
///
/// Whitespace outside strings is dropped, and so is a member `transcription` that is null or "" (the service
/// documents neither). Everything else stays byte for byte: escapes, spelling of numbers, order of members,
/// unknown fields.
package enum WireForm {
  /// Appends the wire form of `source`, an already validated item, to `target`. Linear.
  package static func append(source: UnsafeBufferPointer<UInt8>, to target: inout [UInt8]) {
    let walk = ItemMembers(source)
    guard walk.members.contains(where: walk.isAbsentTranscription) else {
      JSONWalk.appendWithoutSpace(source, 0..<source.count, to: &target)
      return
    }
    target.append(UInt8(ascii: "{"))
    var isFirst = true
    for member in walk.members where !walk.isAbsentTranscription(member) {
      if !isFirst { target.append(UInt8(ascii: ",")) }
      isFirst = false
      target.append(contentsOf: UnsafeBufferPointer(rebasing: source[member.name]))
      target.append(UInt8(ascii: ":"))
      JSONWalk.appendWithoutSpace(source, member.value, to: &target)
    }
    target.append(UInt8(ascii: "}"))
  }

  /// Appends the wire form of `source`, known to be `wireLength` bytes long, to `target`.
  ///
  /// The wire form only leaves bytes out, so one as long as its source is its source.
  package static func append(
    source: UnsafeBufferPointer<UInt8>, wireLength: Int, to target: inout [UInt8]
  ) {
    if wireLength == source.count {
      target.append(contentsOf: source)
      return
    }
    // Most items have only whitespace to lose, which needs no walk over the members.
    let start = target.count
    JSONWalk.appendWithoutSpace(source, 0..<source.count, to: &target)
    if target.count - start != wireLength {
      target.removeLast(target.count - start)
      append(source: source, to: &target)
    }
  }

  /// The wire form of `source`, an already validated item.
  package static func bytes(of source: some Sequence<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    Array(source).withUnsafeBufferPointer { append(source: $0, to: &result) }
    return result
  }
}
