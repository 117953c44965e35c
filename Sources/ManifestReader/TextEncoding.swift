/// How the text of a manifest is written in bytes.
package enum TextEncoding: Sendable, Equatable {
  /// UTF-8, or anything that is neither of the others.
  case utf8
  /// UTF-16 (RFC 2781) with the less significant byte first, as Windows writes "Unicode".
  case utf16LittleEndian
  /// UTF-16 with the more significant byte first.
  case utf16BigEndian

  /// How many bytes of a text tell.
  static let headLength = 4

  /// Tells by a byte order mark, else by where the zero bytes of two characters of ASCII are: JSON begins with such.
  /// UTF-32 is none of these; it is recognised as another kind of file.
  init(head: some Collection<UInt8>) {
    let bytes = Array(head.prefix(TextEncoding.headLength))
    self = .utf8
    guard bytes.count >= 2 else { return }
    switch (bytes[0], bytes[1]) {
    case (0xFF, 0xFE): if bytes.count < 4 || bytes[2] != 0 || bytes[3] != 0 { self = .utf16LittleEndian }
    case (0xFE, 0xFF): self = .utf16BigEndian
    case (1..<0x80, 0):
      if bytes.count < 4 || (bytes[2] != 0 && bytes[3] == 0) { self = .utf16LittleEndian }
    case (0, 1..<0x80):
      if bytes.count < 4 || (bytes[2] == 0 && bytes[3] != 0) { self = .utf16BigEndian }
    default: break
    }
  }

  /// The name that iconv(1) knows.
  var name: String {
    switch self {
    case .utf8: "UTF-8"
    case .utf16LittleEndian: "UTF-16LE"
    case .utf16BigEndian: "UTF-16BE"
    }
  }
}

/// Turns UTF-16 into UTF-8, block by block.
///
/// Half of a surrogate pair becomes the three bytes that UTF-8 would have for it and does not allow (RFC 3629,
/// section 3), and an odd byte at the end a byte that UTF-8 never has, so that the scanner finds both in their place.
final class UTF16Decoder {
  private static let inputByteCount = 64 * 1024

  private let isBigEndian: Bool
  private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: inputByteCount, alignment: 16)
  // Two bytes of input give at most three of output; half a pair and the end may add three each.
  private let output = UnsafeMutablePointer<UInt8>.allocate(capacity: inputByteCount / 2 * 3 + 8)
  private var outputStart = 0
  private var outputEnd = 0
  /// The first byte of a unit that a block cut.
  private var oddByte: UInt8?
  /// The first half of a surrogate pair; 0 when none is pending.
  private var high: UInt32 = 0
  private var isAtEnd = false

  init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

  deinit {
    input.deallocate()
    output.deallocate()
  }

  /// Fills the front of `buffer`, which is not empty, with UTF-8 and returns how many bytes; 0 at the end only.
  func read(
    into buffer: UnsafeMutableRawBufferPointer,
    from source: (UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int
  ) throws(ManifestError) -> Int {
    while outputStart == outputEnd {
      if isAtEnd { return 0 }
      outputStart = 0
      outputEnd = 0
      // The first byte is kept free for the odd one of the block before.
      let count = try source(UnsafeMutableRawBufferPointer(rebasing: input[1...]))
      if count == 0 { finish() } else { decode(count) }
    }
    let count = min(buffer.count, outputEnd - outputStart)
    buffer.copyMemory(from: UnsafeRawBufferPointer(start: output + outputStart, count: count))
    outputStart += count
    return count
  }

  private func decode(_ count: Int) {
    var position = 1
    let end = count + 1
    if let oddByte {
      position = 0
      input[0] = oddByte
    }
    while position + 1 < end {
      let unit =
        isBigEndian
        ? UInt32(input[position]) << 8 | UInt32(input[position + 1])
        : UInt32(input[position + 1]) << 8 | UInt32(input[position])
      position += 2
      if high == 0, unit < 0x80 {
        append(unit)
      } else {
        take(unit)
      }
    }
    oddByte = position < end ? input[position] : nil
  }

  private func take(_ unit: UInt32) {
    if high != 0 {
      let first = high
      high = 0
      if unit & 0xFC00 == 0xDC00 {
        let scalar = 0x10000 + (first & 0x3FF) << 10 + unit & 0x3FF
        append(0xF0 | scalar >> 18)
        append(0x80 | scalar >> 12 & 0x3F)
        append(0x80 | scalar >> 6 & 0x3F)
        append(0x80 | scalar & 0x3F)
        return
      }
      appendThree(first)
    }
    switch unit {
    case ..<0x80: append(unit)
    case ..<0x800:
      append(0xC0 | unit >> 6)
      append(0x80 | unit & 0x3F)
    case 0xD800..<0xDC00: high = unit
    default: appendThree(unit)
    }
  }

  private func finish() {
    isAtEnd = true
    if high != 0 { appendThree(high) }
    // A line feed that was appended by a program that knows no UTF-16 does no harm.
    if let oddByte { append([0, 0x0A, 0x0D, 0x20].contains(oddByte) ? 0x20 : 0xFF) }
  }

  private func appendThree(_ unit: UInt32) {
    append(0xE0 | unit >> 12)
    append(0x80 | unit >> 6 & 0x3F)
    append(0x80 | unit & 0x3F)
  }

  @inline(__always)
  private func append(_ byte: UInt32) {
    output[outputEnd] = UInt8(truncatingIfNeeded: byte)
    outputEnd += 1
  }
}
