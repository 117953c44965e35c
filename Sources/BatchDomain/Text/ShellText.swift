/// Words of a command line as a person can paste them into a POSIX shell.
package enum ShellText {
  /// The word, in single quotes unless it has only characters that no shell gives a meaning to.
  package static func quote(_ word: String) -> String {
    let isPlain = !word.isEmpty && word.utf8.allSatisfy(isPlain)
    return isPlain ? word : "'" + word.replacing(scalar: "'", by: "'\\''") + "'"
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default:
      "-_./:,@%+".utf8.contains(byte)
    }
  }
}

extension String {
  /// The text with each such scalar replaced. By scalar, not by character: a combining mark after a quote makes
  /// another character of both, and leaves the quote a quote for a program that reads the bytes.
  package func replacing(scalar: Unicode.Scalar, by replacement: String) -> String {
    var text = ""
    for current in unicodeScalars {
      if current == scalar { text += replacement } else { text.unicodeScalars.append(current) }
    }
    return text
  }
}
