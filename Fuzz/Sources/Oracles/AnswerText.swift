/// An answer as the fuzzers' inputs write it down, so that the corpus can be read and written by hand:
///
///     429 v1.2 cut
///     Retry-After: 3
///
///     {"code":"too_many_requests"}
package struct AnswerText {
  /// The status; 400 when the first line has none.
  package var status = 400
  /// The words of the first line.
  package var words: [String] = []
  /// Names and values of the header lines.
  package var headers: [(name: String, value: String)] = []
  /// Everything behind the first empty line.
  package var body: [UInt8] = []

  /// Reads an input; any bytes are one.
  package init(_ bytes: [UInt8]) {
    var rest = bytes[...]
    var isFirst = true
    while !rest.isEmpty {
      let line = rest.prefix { $0 != 0x0A }
      rest = rest.dropFirst(line.count + 1)
      if line.isEmpty { break }
      let text = String(decoding: line, as: UTF8.self)
      if isFirst {
        words = text.split(separator: " ").map(String.init)
        status = words.compactMap { Int($0) }.first { (100...599).contains($0) } ?? 400
      } else {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        headers.append((String(parts[0]), parts.count < 2 ? "" : String(parts[1].drop { $0 == " " })))
      }
      isFirst = false
    }
    body = Array(rest)
  }

  /// The values of the lines of that name.
  package func values(_ name: String) -> [String] {
    headers.filter { $0.name.lowercased() == name }.map(\.value)
  }
}
