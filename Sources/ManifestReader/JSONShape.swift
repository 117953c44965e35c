import BatchDomain

/// Valid JSON that is a list, but not one of items: where the list is, and what it holds.
struct JSONShape: Equatable {
  /// What the elements of a list are.
  enum Elements: Equatable {
    /// Objects with `index_id` and `object`.
    case items
    /// Objects of a bucket's listing, with `Key`.
    case keys
    /// Strings that are addresses.
    case addresses
    /// Strings that look like keys.
    case names
    /// Other objects.
    case other

    /// Which of two lists in one object is more likely meant: the lower one.
    fileprivate var rank: Int {
      switch self {
      case .items: 0
      case .keys: 1
      case .addresses: 2
      case .other: 3
      case .names: 4
      }
    }
  }

  /// The way to the list in the language of jq, from an element of the manifest: empty when the element itself is of
  /// the list, else such as `.Contents[]`, `["a name"][]` or, for a list in a list, `[]`.
  var path: String
  var elements: Elements

  /// How deep a list is looked for.
  private static let depthLimit = 4

  /// The list inside an object that is no item; `text` may be cut off. nil when there is none.
  init?(insideObject text: UnsafeBufferPointer<UInt8>) {
    guard let found = JSONShape.list(in: text, path: "", depth: 0) else { return nil }
    self = found
  }

  /// What an object, a string or an array says about a list it is the first element of; nil when that is nothing.
  init?(ofElement text: UnsafeBufferPointer<UInt8>) {
    guard let first = text.first else { return nil }
    switch first {
    case UInt8(ascii: "["):
      // `aws --query "Contents[].[Key]"` writes such.
      guard let inner = JSONShape.firstElement(of: text), let elements = JSONShape.kind(of: inner) else {
        return nil
      }
      self.init(path: "[]", elements: elements)
    case UInt8(ascii: "\""):
      guard let elements = JSONShape.kind(of: text) else { return nil }
      self.init(path: "", elements: elements)
    case UInt8(ascii: "{"):
      if JSONShape.kind(of: text) == .keys {
        self.init(path: "", elements: .keys)
      } else {
        self.init(insideObject: text)
      }
    default: return nil
    }
  }

  private init(path: String, elements: Elements) {
    self.path = path
    self.elements = elements
  }

  private static func list(in text: UnsafeBufferPointer<UInt8>, path: String, depth: Int) -> JSONShape? {
    guard depth < depthLimit else { return nil }
    let walk = ItemMembers(text)
    var best: JSONShape?
    for member in walk.members {
      let value = UnsafeBufferPointer(rebasing: text[member.value])
      let memberPath = path + step(walk.name(of: member))
      var found: JSONShape?
      if value.first == UInt8(ascii: "{") {
        found = list(in: value, path: memberPath, depth: depth + 1)
      } else if value.first == UInt8(ascii: "["), let element = firstElement(of: value),
        let elements = kind(of: element)
      {
        found = JSONShape(path: memberPath + "[]", elements: elements)
      }
      if let found, best.map({ found.elements.rank < $0.elements.rank }) ?? true { best = found }
    }
    return best
  }

  /// A step of jq to a member.
  private static func step(_ name: [UInt8]) -> String {
    let isIdentifier =
      !name.isEmpty
      && name.enumerated().allSatisfy { place, byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
          true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): place > 0
        default: false
        }
      }
    let text = String(decoding: name.prefix(60), as: UTF8.self)
    if isIdentifier { return "." + text }
    var literal = ""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { literal += "\\" }
      literal.unicodeScalars.append(VisibleText.isHidden(scalar) || scalar == "`" ? "?" : scalar)
    }
    return "[\"\(literal)\"]"
  }

  /// The text of an array from its first element on; nil when it has none.
  private static func firstElement(of array: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
    var position = 1
    while position < array.count, [0x20, 0x09, 0x0A, 0x0D].contains(array[position]) { position += 1 }
    guard position < array.count, array[position] != UInt8(ascii: "]") else { return nil }
    return UnsafeBufferPointer(rebasing: array[position...])
  }

  /// What a list holds whose text, from its first element on, is given.
  private static func kind(of text: UnsafeBufferPointer<UInt8>) -> Elements? {
    switch text.first {
    case UInt8(ascii: "{"):
      let end = ItemMembers.end(ofValueIn: text)
      let walk = ItemMembers(UnsafeBufferPointer(rebasing: text[..<end]))
      let names = walk.members.map { walk.name(of: $0) }
      func has(_ name: String) -> Bool { names.contains { $0.elementsEqual(name.utf8) } }
      if has("index_id") && has("object") { return .items }
      if has("Key") && !has("object") { return .keys }
      return .other
    case UInt8(ascii: "\""):
      let end = ItemMembers.end(ofValueIn: text)
      let string = text[..<end].dropFirst().dropLast()
      if string.starts(with: "s3://".utf8) { return .addresses }
      return string.contains(UInt8(ascii: "/")) || string.contains(UInt8(ascii: ".")) ? .names : nil
    default: return nil
    }
  }
}
