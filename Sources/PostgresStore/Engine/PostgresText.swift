/// Statements as PostgreSQL has them, from the texts that both engines share.
enum PostgresText {
  /// Writes parameters as `$1`, and leaves out what only tells SQLite how to look something up.
  static func translate(_ sql: String) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(sql.utf8.count + 16)
    var rest = Array(sql.utf8)[...]
    var count = 0
    while let byte = rest.first {
      switch byte {
      case UInt8(ascii: "'"), UInt8(ascii: "\""):
        let end = rest.dropFirst().firstIndex(of: byte) ?? rest.endIndex - 1
        text += rest[rest.startIndex...end]
        rest = rest[(end + 1)...]
      case UInt8(ascii: "-") where rest.dropFirst().first == byte:
        rest = rest.drop { $0 != UInt8(ascii: "\n") }
      case UInt8(ascii: "?"):
        let digits = rest.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        rest = rest.dropFirst(1 + digits.count)
        text.append(UInt8(ascii: "$"))
        if digits.isEmpty {
          count += 1
          text += Array(String(count).utf8)
        } else {
          text += digits
        }
      case UInt8(ascii: "I") where rest.starts(with: Self.indexed):
        rest = rest.dropFirst(Self.indexed.count).drop { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") }
      case UInt8(ascii: "C") where rest.starts(with: Self.cross):
        rest = rest.dropFirst(Self.cross.count)
        text += Array("JOIN".utf8)
      default:
        text.append(byte)
        rest = rest.dropFirst()
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static let indexed = Array("INDEXED BY ".utf8)
  /// SQLite joins tables in the order in which they are written where it is told so by this word.
  private static let cross = Array("CROSS JOIN".utf8)
}
