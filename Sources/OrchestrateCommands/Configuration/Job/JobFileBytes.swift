#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

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
        .jobFileUnreadable, "job file \(name) is not there", remedy: "check the path given with --job")
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
      let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
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
