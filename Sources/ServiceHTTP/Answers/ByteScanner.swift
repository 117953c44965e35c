/// Reads the parts of a date from ASCII, left to right; every step either takes something or leaves the
/// position and returns `nil` or `false`.
struct ByteScanner {
  private let bytes: [UInt8]
  private var position = 0

  /// A scanner at the beginning of a text, white space around it left out.
  init(_ text: String) {
    var part = Array(text.utf8)[...]
    while let last = part.last, last <= 0x20 { part.removeLast() }
    while let first = part.first, first <= 0x20 { part.removeFirst() }
    bytes = Array(part)
  }

  /// Whether everything was taken.
  var isAtEnd: Bool { position == bytes.count }

  /// The next byte, not taken.
  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Takes exactly that many digits.
  mutating func number(digits count: Int) -> Int? {
    let digits = digits
    guard digits.count >= count else { return nil }
    position += count
    return digits.prefix(count).reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  /// Takes all digits that follow, at least one; beyond the first three only their presence counts.
  ///
  /// - Returns: the digits as a fraction of 1, in thousandths, the rest cut off.
  mutating func thousandths() -> Int? {
    let digits = digits
    guard !digits.isEmpty else { return nil }
    position += digits.count
    return (digits.prefix(3) + [0x30, 0x30, 0x30]).prefix(3).reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  /// Takes one of these bytes.
  mutating func take(_ choices: String) -> UInt8? {
    guard let next, choices.utf8.contains(next) else { return nil }
    position += 1
    return next
  }

  /// Takes letters up to the next other byte, in lower case.
  mutating func word() -> String {
    let start = position
    while let next, (0x61...0x7A).contains(next.lowerCased) { position += 1 }
    return String(decoding: bytes[start..<position].map(\.lowerCased), as: UTF8.self)
  }

  private var digits: ArraySlice<UInt8> {
    bytes[position...].prefix { (0x30...0x39).contains($0) }
  }
}
