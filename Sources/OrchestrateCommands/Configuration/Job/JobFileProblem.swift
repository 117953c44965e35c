/// One thing that is wrong in a job file.
package struct JobFileProblem: Sendable, Equatable {
  /// Line, from 1.
  package let line: Int
  /// Column, from 1.
  package let column: Int
  /// What was found and what was expected, without the place.
  package let message: String

  /// A problem at a place.
  package init(line: Int, column: Int, message: String) {
    self.line = line
    self.column = column
    self.message = message
  }
}
