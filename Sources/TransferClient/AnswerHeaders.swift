/// Header lines of an answer in their order; names are compared without case (RFC 9110 section 5.1).
package struct AnswerHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  private var lines: [Line] = []

  private struct Line: Sendable, Equatable {
    var name: String
    var value: String
  }

  /// No headers.
  package init() {}

  /// Header lines as they stand in a literal.
  package init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { add(name, value) }
  }

  /// Adds a line.
  package mutating func add(_ name: String, _ value: String) {
    lines.append(Line(name: name.lowercased(), value: value))
  }

  /// Values of all lines of that name, in order.
  package subscript(name: String) -> [String] {
    let name = name.lowercased()
    return lines.filter { $0.name == name }.map(\.value)
  }
}
