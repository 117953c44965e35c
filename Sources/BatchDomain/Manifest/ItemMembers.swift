/// The members of an item, found by walking its already validated source text once.
///
/// It checks nothing: text that a manifest reader has not accepted gives unspecified members, but never a trap.
package struct ItemMembers {
  /// One member, as offsets into the source text.
  package struct Member: Equatable {
    /// The name's literal, quotes included.
    package var name: Range<Int>
    /// The value's literal, without whitespace around it.
    package var value: Range<Int>
  }

  /// The members in the order of the text.
  package private(set) var members: [Member] = []
  private let text: UnsafeBufferPointer<UInt8>

  /// Walks `text`, which must outlive this value.
  package init(_ text: UnsafeBufferPointer<UInt8>) {
    self.text = text
    var position = after(UInt8(ascii: "{"), from: 0)
    while position < text.count {
      let nameStart = skipSpace(position)
      guard nameStart < text.count, text[nameStart] == UInt8(ascii: "\"") else { return }
      let nameEnd = JSONSyntax.endOfString(text, at: nameStart)
      let valueStart = skipSpace(after(UInt8(ascii: ":"), from: nameEnd))
      let valueEnd = JSONSyntax.endOfValue(text, at: valueStart)
      guard valueEnd > valueStart else { return }
      members.append(Member(name: nameStart..<nameEnd, value: valueStart..<valueEnd))
      position = after(UInt8(ascii: ","), from: valueEnd)
    }
  }

  /// The offset after the value that `text` begins with; the end of the text when the value is cut off.
  package static func end(ofValueIn text: UnsafeBufferPointer<UInt8>) -> Int {
    JSONSyntax.endOfValue(text, at: 0)
  }

  /// The decoded name of a member, in UTF-8.
  package func name(of member: Member) -> [UInt8] { decoded(member.name) }

  /// The decoded value of a member whose value is a string, nil for any other kind of value.
  package func string(of member: Member) -> [UInt8]? {
    text[member.value.lowerBound] == UInt8(ascii: "\"") ? decoded(member.value) : nil
  }

  /// The decoded values of `index_id` and `object`, by which an item is known across runs; empty where one is missing or
  /// no string.
  package var identity: (index: [UInt8], object: [UInt8]) {
    var identity: (index: [UInt8], object: [UInt8]) = ([], [])
    for member in members {
      if isNamed(member, "index_id") {
        identity.index = string(of: member) ?? []
      } else if isNamed(member, "object") {
        identity.object = string(of: member) ?? []
      }
    }
    return identity
  }

  /// Whether a member has that name, however it is escaped.
  private func isNamed(_ member: Member, _ name: StaticString) -> Bool {
    name.withUTF8Buffer { name in
      let literal = member.name.lowerBound + 1..<member.name.upperBound - 1
      if literal.count == name.count { return text[literal].elementsEqual(name) }
      return literal.count > name.count && decoded(member.name).elementsEqual(name)
    }
  }

  /// The value of a member with the whitespace outside strings dropped.
  package func wireText(of member: Member) -> [UInt8] {
    let value = UnsafeBufferPointer(rebasing: text[member.value])
    var result: [UInt8] = []
    var position = 0
    while position < value.count {
      guard !JSONSyntax.isSpace(value[position]) else {
        position += 1
        continue
      }
      let end = JSONSyntax.endOfToken(value, at: position)
      result.append(contentsOf: UnsafeBufferPointer(rebasing: value[position..<end]))
      position = end
    }
    return result
  }

  /// Whether the member says nothing to the service, so that it is never sent: a `transcription` that says there is none
  /// (null or ""), and what is noted for this program (``ItemNote``).
  package func isLeftOut(_ member: Member) -> Bool {
    let value = member.value
    let isNone =
      text[value.lowerBound] == UInt8(ascii: "n")
      || (value.count == 2 && text[value.lowerBound] == UInt8(ascii: "\""))
    return isNone && isNamed(member, "transcription") || isNamed(member, ItemNote.member)
  }

  private func decoded(_ literal: Range<Int>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(literal.count)
    JSONString.decode(text, from: literal.lowerBound, to: literal.upperBound, into: &result)
    return result
  }

  private func skipSpace(_ start: Int) -> Int {
    var position = start
    while position < text.count, JSONSyntax.isSpace(text[position]) { position += 1 }
    return position
  }

  /// The position after `byte` if it is the next one that is not whitespace, else the end of the text.
  private func after(_ byte: UInt8, from start: Int) -> Int {
    let position = skipSpace(start)
    return position < text.count && text[position] == byte ? position + 1 : text.count
  }
}
