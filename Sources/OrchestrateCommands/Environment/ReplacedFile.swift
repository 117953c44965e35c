import Foundation
import RunStore

/// A file that is there whole or not at all: written beside its place and moved there when it is complete.
final class ReplacedFile {
  private let path: String
  private let written: String
  private let file: StandardStream

  /// Starts a file.
  ///
  /// - Parameters:
  ///   - path: where it is to be; what is there is replaced, a symbolic link included.
  ///   - database: path of the database, which is never replaced, nor are the files that belong to it.
  /// - Throws: ``CommandFailure``.
  init(at path: String, beside database: String) throws {
    guard !DatabaseFiles.contain(path, of: database) else {
      throw CommandFailure(
        .badInput, code: "output_is_database", "--output \(path) is a file of the database",
        remedy: "name another file")
    }
    guard Self.isReplaceable(path) else {
      throw CommandFailure(
        .badInput, code: "output_not_a_file", "--output \(path) is there and is no regular file",
        remedy: "name a file, or leave --output out to write to standard output")
    }
    self.path = path
    written = "\(path).\(ProcessInfo.processInfo.processIdentifier).part"
    let descriptor = open(written, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw Self.failure(path) }
    file = StandardStream(descriptor: descriptor)
  }

  /// Takes the next piece of text.
  func write(_ text: String) throws { try file.write(text) }

  /// Puts the complete file in its place.
  func finish() throws {
    guard fsync(file.descriptor) == 0, rename(written, path) == 0 else {
      throw Self.failure(path)
    }
  }

  deinit {
    close(file.descriptor)
    // Gone already when it was moved to its place.
    unlink(written)
  }

  private static func isReplaceable(_ path: String) -> Bool {
    var facts = stat()
    return stat(path, &facts) != 0 || facts.st_mode & S_IFMT == S_IFREG
  }

  private static func failure(_ path: String) -> CommandFailure {
    CommandFailure(
      .store, code: "output_failed", "failed to write --output \(path): \(String(cString: strerror(errno)))",
      remedy: "name a file in a folder that is there and can be written")
  }
}
