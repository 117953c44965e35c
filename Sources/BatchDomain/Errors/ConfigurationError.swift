/// What can be wrong with an option's value, a job file or a combination of settings. Nothing was sent.
package struct ConfigurationError: AdvisedError, Equatable {
  /// What kind of trouble it is.
  package enum Code: String, Sendable, CaseIterable {
    /// A value is not what its option or key takes.
    case badValue = "bad_value"
    /// The job file cannot be read: not there, a directory, too large, not UTF-8.
    case jobFileUnreadable = "job_file_unreadable"
    /// The job file is not YAML, or not a mapping of the keys there are.
    case jobFileInvalid = "job_file_invalid"
    /// No place for the database can be found.
    case noDatabasePath = "no_database_path"
  }

  /// What kind of trouble it is.
  package var code: Code
  /// One clear sentence: the thing, what was found, what was expected.
  package var message: String
  /// What the user can do; `nil` when there is nothing to add.
  package var remedy: Remedy?
  /// All that is wrong with a job file, in its order; empty for other errors.
  package var problems: [JobFileProblem]

  /// An error with its sentence.
  package init(_ code: Code, _ message: String, remedy: Remedy? = nil, problems: [JobFileProblem] = []) {
    self.code = code
    self.message = message
    self.remedy = remedy
    self.problems = problems
  }

  /// A value as messages show it: in quotes, control characters escaped, cut when long.
  package static func quoted(_ value: String) -> String { "\"\(VisibleText.escape(value, cutAt: 60))\"" }

  /// The error for a value that is not what was expected.
  package static func badValue(_ thing: String, _ value: String, expected: String) -> ConfigurationError {
    ConfigurationError(.badValue, "\(thing) is \(quoted(value)), expected \(expected)")
  }
}

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
