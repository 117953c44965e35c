/// The name of a run: lower-case letters, digits and hyphens, never a leading hyphen.
///
/// Ids made by ``init(createdAt:random:)`` are `YYYYMMDD-HHMMSS-mmm-xxxx`: creation in UTC to the millisecond, and four
/// random characters. They sort by creation as plain text, so that the newest run is the greatest id. When the clock was
/// set back, or two runs share a millisecond, the store gives the new one the time of the newest plus a millisecond.
///
/// A counter would say nothing and be the same in every database; a UUID cannot be typed, and in a UUIDv7 nobody reads the
/// time.
package struct RunID: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The id as a person types it.
  package let rawValue: String

  /// Takes an id, or the beginning of one, as a person typed it.
  ///
  /// - Returns: `nil` when the text has a character that no run id has, or is empty.
  package init?(rawValue: String) {
    guard let first = rawValue.utf8.first, first != UInt8(ascii: "-") else { return nil }
    guard rawValue.utf8.allSatisfy(Self.isAllowed) else { return nil }
    self.rawValue = rawValue
  }

  /// Makes the id of a new run, for example `20261123-151525-042-k7qf`.
  ///
  /// - Parameters:
  ///   - createdAt: when the run is created; its UTC date and time to the millisecond lead the id.
  ///   - random: any number; the last four characters are drawn from it.
  package init(createdAt: Timestamp, random: UInt64) {
    let time = CivilTime(createdAt)
    let date = "\(time.year.padded(4))\(time.month.padded(2))\(time.day.padded(2))"
    let clock = "\(time.hour.padded(2))\(time.minute.padded(2))\(time.second.padded(2))"
    var rest = random
    var suffix = ""
    for _ in 0..<4 {
      suffix.unicodeScalars.append(Unicode.Scalar(Self.alphabet[Int(rest % 30)]))
      rest /= 30
    }
    rawValue = "\(date)-\(clock)-\(time.millisecond.padded(3))-\(suffix)"
  }

  /// When the run was created, read back from an id that ``init(createdAt:random:)`` made; `nil` for another.
  package var createdAt: Timestamp? {
    let parts = rawValue.split(separator: "-")
    guard parts.count == 4, parts[0].count == 8, parts[1].count == 6, parts[2].count == 3 else { return nil }
    guard let date = Int(parts[0]), let clock = Int(parts[1]), let part = Int(parts[2]) else { return nil }
    return CivilTime(
      year: date / 10_000, month: date / 100 % 100, day: date % 100, hour: clock / 10_000,
      minute: clock / 100 % 100, second: clock % 100, millisecond: part
    ).timestamp
  }

  /// Orders runs by creation.
  package static func < (left: RunID, right: RunID) -> Bool { left.rawValue < right.rawValue }

  /// The id as a person types it.
  package var description: String { rawValue }

  /// Digits and letters without those that are easily mistaken for one another (0 o, 1 l i u).
  private static let alphabet = Array("23456789abcdefghjkmnpqrstvwxyz".utf8)

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
      true
    default:
      false
    }
  }
}

/// The number of a chunk within its run, from 0 in the order of the manifest. The pieces of a divided chunk get the next
/// free numbers.
///
/// Chunks and items count from 0, since the service names the elements of a request by position from 0: the first item of
/// a chunk plus that position is the item's number. Attempts, lines and columns count from 1.
package struct ChunkNumber: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The number, 0 or more.
  package let rawValue: Int

  /// Takes a number, 0 or more.
  package init(_ rawValue: Int) { self.rawValue = rawValue }

  /// Orders chunks by number.
  package static func < (left: ChunkNumber, right: ChunkNumber) -> Bool { left.rawValue < right.rawValue }

  /// The number in digits.
  package var description: String { String(rawValue) }
}
