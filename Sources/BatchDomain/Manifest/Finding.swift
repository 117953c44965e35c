/// One result of the validation of a manifest.
package struct Finding: Sendable, Equatable {
  /// How serious a finding is.
  package enum Severity: String, Sendable, CaseIterable {
    /// Nothing of the manifest may be sent.
    case fatal
    /// The manifest may be sent; with `--strict` it may not.
    case warning
  }

  /// How to make a manifest of the file, as a value: only the command line knows the name of the file.
  package struct Remedy: Sendable, Equatable {
    /// What to do, a sentence in the imperative without its full stop.
    package var sentence: String
    /// The commands of a pipeline that writes the manifest, in the language of a POSIX shell; each but a first one
    /// that `takesName` reads standard input. Empty when no command does it.
    package var commands: [String]
    /// Whether the first command takes the name of the file as its last argument.
    package var takesName: Bool
    /// The file that the pipeline writes. It is never a likely name of the manifest, which the shell would empty
    /// first.
    package var output: String

    /// Makes advice from its parts.
    package init(
      _ sentence: String, commands: [String] = [], takesName: Bool = false, output: String = "converted.json"
    ) {
      self.sentence = sentence
      self.commands = commands
      self.takesName = takesName
      self.output = output
    }

    /// The advice as a sentence; `file` is the manifest's name as a word of a shell.
    package func text(file: String) -> String {
      guard !commands.isEmpty else { return sentence + "." }
      var pipeline = commands
      pipeline[0] += (takesName ? " " : " < ") + file
      let target = file.hasSuffix(output) ? "new-" + output : output
      return "\(sentence): `\(pipeline.joined(separator: " | ")) > \(target)`."
    }
  }

  /// The most characters a message has; a longer one is cut and ends in an ellipsis.
  package static let messageLimit = 200

  /// The kind of the finding; its severity follows from it.
  package let code: Code
  /// The line of the offending value, from 1; nil when the finding has no place.
  package let line: Int?
  /// The column of the offending value, from 1, counted in Unicode scalars; nil when the finding has no place.
  package let column: Int?
  /// The ordinal of the element in the file, from 0, repeated and refused elements included; nil outside any.
  package let item: Int?
  /// What was found and what was expected, at most `messageLimit` characters, without control characters.
  package let message: String
  /// What to do about it, where that is more than correcting the value.
  package let remedy: Remedy?

  /// Makes a finding. `message` may have any length and content; it is escaped and cut here.
  package init(
    code: Code, line: Int?, column: Int?, item: Int?, message: String, remedy: Remedy? = nil
  ) {
    self.code = code
    self.line = line
    self.column = column
    self.item = item
    self.message = VisibleText.escape(message, cutAt: Finding.messageLimit)
    self.remedy = remedy
  }

  /// How serious the finding is.
  package var severity: Severity { code.severity }

  /// Whether this finding stands before `other` in the file; one without a place stands first.
  package func precedes(_ other: Finding) -> Bool {
    (line ?? 0, column ?? 0) < (other.line ?? 0, other.column ?? 0)
  }
}
