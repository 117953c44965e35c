package import BatchDomain

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A manifest that cannot be read at all; what is wrong with its text is a `Finding` instead.
package struct ManifestError: AdvisedError, Equatable {
  /// The kinds of failures; the raw values are stable and meant for programs.
  package enum Code: String, Sendable, CaseIterable {
    /// There is no file of that name.
    case notFound = "manifest_not_found"
    /// The path names a folder.
    case isDirectory = "manifest_is_directory"
    /// The file may not be opened or its bytes cannot be read.
    case unreadable = "manifest_unreadable"
    /// The gzip data breaks RFC 1952 or its checksum does not match.
    case gzipDamaged = "gzip_damaged"
    /// The gzip data ends too early.
    case gzipTruncated = "gzip_truncated"
    /// The manifest has more items than the duplicate index can number.
    case tooManyItems = "manifest_too_many_items"
  }

  /// The kind of failure.
  package let code: Code
  /// The manifest: its path, or `standard input`.
  package let subject: String
  /// What was found and what was expected, a lower-case fragment.
  package let cause: String
  /// What the person can do about it.
  package let remedy: Remedy?

  /// Makes an error from its parts; control characters in `subject` are made visible.
  package init(code: Code, subject: String, cause: String, remedy: Remedy) {
    self.code = code
    self.subject = subject
    self.cause = cause
    self.remedy = remedy
  }

  /// One sentence that names the manifest, what was found and what was expected.
  package var message: String { "manifest \(ManifestError.quoted(subject)): \(cause)" }

  /// The error for a failed call of the system, from its `errno`.
  static func system(_ number: Int32, opening subject: String) -> ManifestError {
    switch number {
    case ENOENT, ENOTDIR:
      let file = UnreadableFile(missing: subject, reader: "orchestrate submit -")
      return ManifestError(
        code: .notFound, subject: subject, cause: "\(file.cause), expected a JSON manifest",
        remedy: file.remedy)
    case EISDIR:
      return ManifestError(
        code: .isDirectory, subject: subject, cause: "it is a folder, expected a file",
        remedy: "name the manifest file in that folder")
    default:
      let file = UnreadableFile(number)
      return ManifestError(
        code: .unreadable, subject: subject, cause: "\(file.cause), expected a readable file",
        remedy: file.remedy)
    }
  }
}
