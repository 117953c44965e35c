package import BatchDomain
import Foundation
import Reporting

/// A job definition: which manifest, how to chunk, pace and retry.
package struct JobFile: Sendable, Equatable {
  /// The file's path as it was given.
  package let path: String
  /// What it says; its paths are joined to the folder of the file.
  package let layer: SettingsLayer

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
      let isWide = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
      throw ConfigurationError(
        .jobFileUnreadable,
        "job file \(ConfigurationError.quoted(path)) is \(isWide ? "UTF-16, expected UTF-8" : "not UTF-8")",
        remedy: "save it as UTF-8, for example with iconv -f \(isWide ? "UTF-16" : "LATIN1") -t UTF-8")
    }
    // A byte order mark is no part of the text.
    let content = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    var reader = JobFileReader(paths: JobPaths(jobFile: path, home: home))
    reader.read(content)
    guard reader.problems.isEmpty else { throw invalid(path, reader.problems) }
    return JobFile(path: path, layer: reader.layer)
  }

  private static func invalid(_ path: String, _ problems: [JobFileProblem]) -> ConfigurationError {
    let shownPath = VisibleText.escape(path)
    var message = "job file \(shownPath)"
    if let first = problems.first { message = "\(shownPath):\(first.line):\(first.column): \(first.message)" }
    if problems.count > 1 { message += " (and \(HumanNumber.text(problems.count - 1, "more problem")))" }
    return ConfigurationError(.jobFileInvalid, message, problems: problems)
  }
}

/// Reads a job file from disk, never more of it than a job file may have.
enum JobFileBytes {
  /// Reads all of a file; a pipe is read to its end, too.
  ///
  /// - Throws: ``ConfigurationError`` with code `job_file_unreadable`: not there, a directory, too large, or
  ///   what the system says.
  static func load(_ path: String) throws(ConfigurationError) -> [UInt8] {
    let name = ConfigurationError.quoted(path)
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw ConfigurationError(.jobFileUnreadable, "\(name) is not the path of a job file")
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      guard errno == ENOENT else { throw failure("opened", name, errno) }
      throw ConfigurationError(
        .jobFileUnreadable, "job file \(name) does not exist", remedy: "check the path given with --job")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("read", name, errno) }
    guard status.st_mode & S_IFMT != S_IFDIR else {
      throw ConfigurationError(.jobFileUnreadable, "job file \(name) is a directory")
    }
    return try readAll(descriptor, name)
  }

  private static func readAll(_ descriptor: CInt, _ name: String) throws(ConfigurationError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = buffer.withUnsafeMutableBytes { Foundation.read(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("read", name, errno) }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= JobFile.maximumBytes else {
        throw ConfigurationError(
          .jobFileUnreadable, "job file \(name) has more than 1 MiB, which no job file needs",
          remedy: "check that it is not the manifest")
      }
    }
  }

  private static func failure(_ verb: String, _ name: String, _ code: CInt) -> ConfigurationError {
    ConfigurationError(
      .jobFileUnreadable, "job file \(name) cannot be \(verb): \(String(cString: strerror(code)))")
  }
}
