import Reporting

/// A job definition: which manifest, how to chunk, pace and retry.
package struct JobFile: Sendable, Equatable {
  /// The file's path as it was given.
  package let path: String
  /// What it says; its paths are joined to the folder of the file.
  package let overrides: SettingsOverrides

  /// Bytes a job file may have.
  package static let maximumBytes = 1 << 20

  /// Reads a job file.
  ///
  /// - Parameters:
  ///   - path: where it is.
  ///   - home: the user's home folder, for paths that begin with `~/`; `nil` when it is not known.
  /// - Throws: ``ConfigurationError`` with code `job_file_unreadable` or `job_file_invalid`; the latter lists
  ///   every problem.
  package static func load(_ path: String, home: String?) throws(ConfigurationError) -> JobFile {
    let bytes = try JobFileBytes.load(path)
    return try parse(bytes, path: path, home: home)
  }

  /// Reads the content of a job file.
  ///
  /// - Parameters:
  ///   - bytes: YAML in UTF-8.
  ///   - path: where it came from, for messages and for the paths in it.
  ///   - home: the user's home folder, for paths that begin with `~/`; `nil` when it is not known.
  /// - Throws: ``ConfigurationError``, as ``load(_:home:)`` does.
  package static func parse(
    _ bytes: [UInt8], path: String, home: String?
  ) throws(ConfigurationError) -> JobFile {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ConfigurationError(.jobFileUnreadable, "job file \(ConfigurationError.quoted(path)) is not UTF-8")
    }
    // A byte order mark is no part of the text.
    let content = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    var reader = JobFileReader(paths: JobPaths(jobFile: path, home: home))
    reader.read(content)
    guard reader.problems.isEmpty else { throw invalid(path, reader.problems) }
    return JobFile(path: path, overrides: reader.overrides)
  }

  private static func invalid(_ path: String, _ problems: [JobFileProblem]) -> ConfigurationError {
    let shownPath = TerminalText.escape(path)
    var message = "job file \(shownPath)"
    if let first = problems.first { message = "\(shownPath):\(first.line):\(first.column): \(first.message)" }
    if problems.count > 1 { message += " (and \(HumanNumber.text(problems.count - 1, "more problem")))" }
    return ConfigurationError(.jobFileInvalid, message, problems: problems)
  }
}
