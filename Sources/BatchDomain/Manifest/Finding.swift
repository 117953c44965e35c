/// One thing validation has to say about a manifest.
package struct Finding: Sendable, Equatable {
  /// How much a finding weighs.
  package enum Severity: String, Sendable, CaseIterable {
    /// Nothing of the manifest may be sent.
    case fatal
    /// The manifest may be sent; with `--strict` it may not.
    case warning
  }

  /// The most characters a message has; a longer one is cut and ends in an ellipsis.
  package static let messageLimit = 200

  /// The kind of the finding; its severity follows from it.
  package let code: Code
  /// The line of the offending value, from 1; nil when the finding is about no place.
  package let line: Int?
  /// The column of the offending value, from 1, counted in Unicode scalars; nil when the finding is about no place.
  package let column: Int?
  /// The ordinal of the element in the file, from 0, repeated and refused elements included; nil outside any.
  package let item: Int?
  /// What was found and what was expected, at most `messageLimit` characters, without control characters.
  package let message: String

  /// Makes a finding; `message` may be of any length and hold anything, it is escaped and cut here.
  package init(code: Code, line: Int?, column: Int?, item: Int?, message: String) {
    self.code = code
    self.line = line
    self.column = column
    self.item = item
    self.message = VisibleText.escaped(message, limit: Finding.messageLimit)
  }

  /// How much the finding weighs.
  package var severity: Severity { code.severity }

  /// Whether this finding stands before `other` in the file; one without a place stands first.
  package func precedes(_ other: Finding) -> Bool {
    (line ?? 0, column ?? 0) < (other.line ?? 0, other.column ?? 0)
  }
}
