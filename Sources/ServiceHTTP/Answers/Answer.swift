package import BatchDomain

/// An answer as it came.
package struct Answer: Sendable, Equatable {
  /// HTTP status.
  package var status: Int
  /// Header lines.
  package var headers: AnswerHeaders
  /// The body, at most as long as was asked for.
  package var bytes: [UInt8] = []
  /// Why the body is not whole; `nil` when it is.
  package var cut: Cut?

  /// Why a body is not whole.
  package enum Cut: Sendable, Equatable {
    /// It is longer than was asked for; the rest was not read.
    case limit
    /// It broke off, or time was up.
    case broken(TransportFailure)
  }
}

/// Header lines of an answer in their order; names are compared without case (RFC 9110 section 5.1).
package struct AnswerHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  private var lines: [Line] = []

  fileprivate struct Line: Sendable, Equatable {
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
    lines.append(Line(name: name, value: value))
  }

  /// Values of all lines of that name, in order.
  package subscript(name: String) -> [String] { lines.filter { $0.isNamed(name) }.map(\.value) }

  /// Whether there is a line of any of these names.
  func contains(anyOf names: [String]) -> Bool {
    lines.contains { line in names.contains { line.isNamed($0) } }
  }
}

extension AnswerHeaders.Line {
  fileprivate func isNamed(_ other: String) -> Bool {
    // Most names differ in length already.
    name.utf8.count == other.utf8.count
      && zip(name.utf8, other.utf8).allSatisfy { $0.lowerCased == $1.lowerCased }
  }
}
