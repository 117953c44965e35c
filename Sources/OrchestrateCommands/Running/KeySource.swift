import BatchDomain
import Foundation
import Reporting
import ServiceHTTP

/// Where the key comes from: a file named on the command line, else the environment, else a file named by the
/// job.
enum KeySource {
  /// The environment variable.
  static let variable = "TWELVELABS_API_KEY"

  /// Finds the key. A pipe is read to its end, off the shared task pool: the command that writes it may take its time.
  ///
  /// - Parameter manifest: the path of the manifest, or `-` for standard input; `nil` where none is read. The key is not read from
  ///   there.
  /// - Throws: ``CommandFailure`` with status 2 when there is none, ``ServiceHTTPError`` when it cannot be one.
  static func key(
    commandLineFile: String?, jobFile: String?, environment: [String: String], besides manifest: String? = nil
  ) async throws -> APIKey {
    if let commandLineFile {
      let path = try HomePath.expand(commandLineFile, home: environment["HOME"])
      return try await KeyFile(path: path).key(besides: manifest)
    }
    if let key = environment[variable], !key.isEmpty { return try self.key(key, in: "$\(variable)") }
    if let jobFile { return try await KeyFile(path: jobFile).key(besides: manifest) }
    throw CommandFailure(
      .badInput, code: "key_missing", "there is no API key: \(variable) is not set",
      remedy: "set \(variable), or name a file that holds the key with --api-key-file")
  }

  /// The key that is in a text.
  ///
  /// - Parameter place: where the text is, for messages.
  static func key(_ text: String, in place: String) throws(ServiceHTTPError) -> APIKey {
    do throws(ServiceHTTPError) {
      return try APIKey(text)
    } catch {
      var named = error
      named.message += " (\(place))"
      throw named
    }
  }
}

/// A file that holds the key, or another secret: a regular file, or a pipe such as `<(pass show service)` or `/dev/stdin`.
struct KeyFile {
  /// Where it is.
  let path: String
  /// What it holds, for messages.
  var what = "the API key"
  /// The code of the failure to read it.
  var code: CommandFailure.Code = "key_unreadable"

  /// Bytes a key file may have: many times what a key needs.
  static let maximumBytes = 64 << 10

  /// Reads the key.
  ///
  /// - Parameter manifest: the path of the manifest, or `-`; `nil` where none is read.
  /// - Throws: ``CommandFailure`` with code `key_unreadable` and the reason, or `manifest_is_input`; ``ServiceHTTPError`` when what
  ///   is in it cannot be a key.
  func key(besides manifest: String? = nil) async throws -> APIKey {
    try refuse(manifest)
    return try KeySource.key(try await text(), in: "the file \(VisibleText.escape(path))")
  }

  /// Refuses to read the key from where the manifest is: one of the two would be empty, or would be the other.
  private func refuse(_ manifest: String?) throws {
    guard let manifest, let file = FileIdentity(path: path),
      file == FileIdentity(path: manifest == "-" ? "/dev/stdin" : manifest)
    else { return }
    throw CommandFailure(
      .badInput, code: "manifest_is_input",
      (manifest == "-" ? "standard input" : "the file \(VisibleText.escape(path))")
        + " is both the manifest and the API key",
      remedy: "set \(KeySource.variable), or name another file that holds the key with --api-key-file")
  }

  /// Reads a secret of one word: what stands between white space.
  ///
  /// - Throws: ``CommandFailure`` with the reason.
  func word() async throws -> String {
    let words = try await text().split(whereSeparator: \.isWhitespace)
    guard words.count == 1 else { throw failure("it has \(words.count) words, and a secret is one") }
    return String(words[0])
  }

  private func text() async throws -> String {
    let bytes = try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        do {
          continuation.resume(returning: try read())
        } catch {
          continuation.resume(throwing: error)
        }
      }
    }
    let text = try text(of: bytes)
    let isBlank = text.utf8.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) }
    guard !isBlank else {
      throw failure(
        "it is empty", remedy: "put \(what) into it; from a pipe, check the command that writes it")
    }
    return text
  }

  private func read() throws -> [UInt8] {
    guard !path.isEmpty, !path.utf8.contains(0) else { throw failure("this is not a path") }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
    guard descriptor >= 0 else { throw failure(errno) }
    defer { close(descriptor) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0 else { throw failure(errno) }
    guard facts.st_mode & S_IFMT != S_IFDIR else { throw failure("it is a folder") }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = Foundation.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure(errno) }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= Self.maximumBytes else {
        throw failure("it has more than 64 KiB, and a key is one word")
      }
    }
  }

  /// The text of a file as editors write it: UTF-8, or UTF-16 with a byte-order mark, which is no part of the key.
  private func text(of bytes: [UInt8]) throws -> String {
    switch (bytes.first, bytes.dropFirst().first) {
    case (0xEF, 0xBB) where bytes.count > 2 && bytes[2] == 0xBF:
      return String(decoding: bytes.dropFirst(3), as: UTF8.self)
    case (0xFF, 0xFE), (0xFE, 0xFF):
      guard bytes.count.isMultiple(of: 2) else { throw failure("it is UTF-16 that is cut off") }
      let isLittle = bytes[0] == 0xFF
      let units = stride(from: 2, to: bytes.count, by: 2).map { place in
        let (low, high) = isLittle ? (bytes[place], bytes[place + 1]) : (bytes[place + 1], bytes[place])
        return UInt16(high) << 8 | UInt16(low)
      }
      return String(decoding: units, as: UTF16.self)
    default:
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private func failure(_ code: Int32) -> CommandFailure {
    switch code {
    case ENOENT: failure("there is no such file", remedy: "check the path given for \(what)")
    case EACCES, EPERM:
      failure(String(cString: strerror(code)), remedy: "let this user read the file, or name another one")
    default: failure(String(cString: strerror(code)))
    }
  }

  private func failure(
    _ reason: String, remedy: Remedy = "name a file that holds the key and nothing else"
  ) -> CommandFailure {
    CommandFailure(
      .badInput, code: code,
      "failed to read \(what) from \(VisibleText.escape(path)): \(reason)", remedy: remedy)
  }
}
