import BatchDomain

/// Reasons to doubt the key of an object: it is hardly a video, or hardly the intended name.
enum NameDoubts {
  /// One doubt, as a kind of finding and what follows the name in its message.
  struct Doubt {
    var code: Finding.Code
    var text: String
  }

  /// Files that Finder, Explorer and Hadoop leave beside others, in lower case: the first three compare names without
  /// regard to case.
  private static let systemFiles = [
    ".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".localized", ".spotlight-v100", ".trashes",
    ".fseventsd",
  ]

  /// The first doubt about the address `text`, of which `key` is the key; nil for nearly all.
  @inline(__always)
  static func doubt(about text: UnsafeBufferPointer<UInt8>, key: Range<Int>) -> Doubt? {
    guard mayBeDoubtful(text, key) else { return nil }
    return doubt(inDetail: UnsafeBufferPointer(rebasing: text[key]))
  }

  /// Whether a closer check is needed, at the cost of a pass over the bytes, eight at a time.
  @inline(__always)
  private static func mayBeDoubtful(_ text: UnsafeBufferPointer<UInt8>, _ key: Range<Int>) -> Bool {
    let last = text[key.upperBound - 1]
    guard last > 0x20, last != UInt8(ascii: "/"), text[key.lowerBound] > 0x20, isPlain(text, key) else {
      return true
    }
    var name = key.upperBound - 1
    while name > key.lowerBound, text[name - 1] != UInt8(ascii: "/") { name -= 1 }
    if text[name] == 0x20 || text[name] == UInt8(ascii: ".") || last == UInt8(ascii: "$") { return true }
    // How Thumbs.db and desktop.ini end; no video does.
    guard name + 1 < key.upperBound else { return false }
    switch (text[key.upperBound - 2] | 0x20, last | 0x20) {
    case (UInt8(ascii: "d"), UInt8(ascii: "b")), (UInt8(ascii: "n"), UInt8(ascii: "i")): return true
    default: return false
    }
  }

  /// Whether all bytes are visible characters of ASCII or spaces.
  @inline(__always)
  private static func isPlain(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    let raw = UnsafeRawBufferPointer(text)
    var position = range.lowerBound
    while position + 8 <= range.upperBound {
      let word = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      // A byte below 0x20, one above 0x7F and DEL each set the highest bit of their place.
      let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
      let flags =
        (word &- 0x2020_2020_2020_2020) & ~word | word | (delete &- 0x0101_0101_0101_0101) & ~delete
      if flags & 0x8080_8080_8080_8080 != 0 { return false }
      position += 8
    }
    while position < range.upperBound {
      if !(0x20..<0x7F).contains(text[position]) { return false }
      position += 1
    }
    return true
  }

  private static func doubt(inDetail key: UnsafeBufferPointer<UInt8>) -> Doubt? {
    if key.last == UInt8(ascii: "/") {
      return Doubt(
        code: .folderObject, text: "whose key ends in `/`: it stands for a folder, expected a video")
    }
    let scalars = Array(String(decoding: key, as: UTF8.self).unicodeScalars)
    let name = scalars[((scalars.lastIndex(of: "/") ?? -1) + 1)...]
    if isSystemFile(name) {
      return Doubt(code: .systemFile, text: "which is a file of an operating system, expected a video")
    }
    for (place, end) in [
      (scalars.last, "ends in"), (name.first, "has a file name that begins with"),
      (scalars.first, "has a key that begins with"),
    ] {
      if let place, place.properties.isWhitespace {
        return Doubt(
          code: .surroundingSpace, text: "which \(end) \(VisibleText.name(of: place)), expected none there")
      }
    }
    // NUL is an error of its own.
    guard let hidden = scalars.first(where: { VisibleText.isHidden($0) && $0.value != 0 }) else { return nil }
    return Doubt(
      code: .hiddenCharacter,
      text: "which holds \(VisibleText.name(of: hidden)), expected visible characters")
  }

  private static func isSystemFile(_ name: ArraySlice<Unicode.Scalar>) -> Bool {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: name)
    let small = String(text).lowercased()
    return small.hasPrefix("._") || small.hasSuffix("_$folder$")
      || systemFiles.contains { $0.utf8.elementsEqual(small.utf8) }
  }

  /// A remark about hidden characters in another value, to be appended to its message; mostly empty.
  static func remark(on text: String.UnicodeScalarView) -> String {
    if let last = text.last, last.properties.isWhitespace {
      return "; it ends in \(VisibleText.name(of: last))"
    }
    if let first = text.first, first.properties.isWhitespace {
      return "; it begins with \(VisibleText.name(of: first))"
    }
    guard let hidden = text.first(where: VisibleText.isHidden) else { return "" }
    return "; it holds \(VisibleText.name(of: hidden))"
  }
}
