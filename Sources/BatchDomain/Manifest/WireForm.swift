/// What an item looks like in a request, derived from its source text and the same on every attempt.
///
/// Whitespace outside strings is dropped, and so are a member `transcription` that is null or "" (the service
/// documents neither) and the member for this program itself (``ItemNote``). Everything else stays byte for byte: escapes,
/// spelling of numbers, order of members, unknown fields.
package enum WireForm {
  /// Appends the wire form of `source`, an already validated item, to `target`. Linear.
  package static func append(source: UnsafeBufferPointer<UInt8>, to target: inout [UInt8]) {
    forEachToken(of: source) { _, token in
      target.append(contentsOf: UnsafeBufferPointer(rebasing: source[token]))
    }
  }

  /// The wire form of `source`, an already validated item.
  package static func bytes(of source: some Sequence<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    Array(source).withUnsafeBufferPointer { append(source: $0, to: &result) }
    return result
  }

  /// Looks at the tokens of `source` that are in its wire form, in order, each with what is left out before it.
  fileprivate static func forEachToken(
    of source: UnsafeBufferPointer<UInt8>, _ look: (_ leftOut: Range<Int>, _ token: Range<Int>) -> Void
  ) {
    var dropped = droppedParts(of: source)[...]
    var position = 0
    var start = 0
    while position < source.count {
      if let part = dropped.first, part.lowerBound == position {
        position = part.upperBound
        dropped.removeFirst()
      } else if JSONSyntax.isSpace(source[position]) {
        position += 1
      } else {
        let end = JSONSyntax.endOfToken(source, at: position)
        look(start..<position, position..<end)
        position = end
        start = end
      }
    }
  }

  /// The members that are left out, each with the comma that goes with it.
  private static func droppedParts(of source: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
    let walk = ItemMembers(source)
    guard walk.members.contains(where: walk.isLeftOut) else { return [] }
    var parts: [Range<Int>] = []
    var lastKept: ItemMembers.Member?
    for (number, member) in walk.members.enumerated() {
      guard walk.isLeftOut(member) else {
        lastKept = member
        continue
      }
      // The comma before it goes; before the first member that stays, the one behind it.
      if lastKept != nil {
        parts.append(walk.members[number - 1].value.upperBound..<member.value.upperBound)
      } else if number + 1 < walk.members.count {
        parts.append(member.name.lowerBound..<walk.members[number + 1].name.lowerBound)
      } else {
        parts.append(member.name.lowerBound..<member.value.upperBound)
      }
    }
    return parts
  }
}

/// How an item was written: the text that its wire form leaves out before each of its tokens (``WireForm``).
///
/// Wire form and layout together are the source text, byte for byte. The items of a manifest are nearly always written
/// alike, so that many share one layout.
package struct ItemLayout: Sendable, Equatable {
  /// What is left out before each token; empty when nothing is left out at all.
  package let gaps: [[UInt8]]

  /// The layout of an item that is written as it is sent.
  package static let none = ItemLayout(gaps: [])

  /// A layout in its parts.
  package init(gaps: [[UInt8]]) { self.gaps = gaps }

  /// The layout of `source`, an already validated item.
  package init(source: UnsafeBufferPointer<UInt8>) {
    var gaps: [[UInt8]] = []
    WireForm.forEachToken(of: source) { leftOut, _ in
      gaps.append(Array(UnsafeBufferPointer(rebasing: source[leftOut])))
    }
    self.init(gaps: gaps.allSatisfy(\.isEmpty) ? [] : gaps)
  }

  /// Appends the wire form of `source`, an already validated item, if it has this layout.
  ///
  /// - Parameter length: the length of the wire form in bytes.
  /// - Returns: whether it has; if not, nothing is appended.
  package func appendWireForm(
    of source: UnsafeBufferPointer<UInt8>, length: Int, to target: inout [UInt8]
  ) -> Bool {
    let start = target.count
    var position = 0
    // Tokens with nothing between them are copied together.
    var copied = 0
    for gap in gaps {
      if !gap.isEmpty {
        target.append(contentsOf: UnsafeBufferPointer(rebasing: source[copied..<position]))
        guard source.count - position > gap.count, source[position..<position + gap.count].elementsEqual(gap)
        else {
          target.removeLast(target.count - start)
          return false
        }
        position += gap.count
        copied = position
      }
      guard position < source.count, !JSONSyntax.isSpace(source[position]) else {
        target.removeLast(target.count - start)
        return false
      }
      position = JSONSyntax.endOfToken(source, at: position)
    }
    target.append(contentsOf: UnsafeBufferPointer(rebasing: source[copied..<position]))
    // A member that is left out here and not in the layout, or the reverse, makes another length.
    guard position == source.count, target.count - start == length else {
      target.removeLast(target.count - start)
      return false
    }
    return true
  }

  /// Appends the source text of the item with this wire form and this layout.
  ///
  /// - Returns: whether the layout fits the wire form; if not, what is appended is unspecified.
  package func appendSource(of wire: UnsafeBufferPointer<UInt8>, to target: inout [UInt8]) -> Bool {
    guard !gaps.isEmpty else {
      target.append(contentsOf: wire)
      return true
    }
    var position = 0
    for gap in gaps {
      guard position < wire.count else { return false }
      let end = JSONSyntax.endOfToken(wire, at: position)
      target.append(contentsOf: gap)
      target.append(contentsOf: UnsafeBufferPointer(rebasing: wire[position..<end]))
      position = end
    }
    return position == wire.count
  }
}
