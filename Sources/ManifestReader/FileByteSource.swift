#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// An open file or standard input. Reads block the calling thread.
final class FileByteSource: ByteSource {
  /// Size and time of a regular file, nil for a pipe or a terminal.
  let facts: ManifestSource.FileFacts?
  /// -1 for a named pipe that is not yet open.
  private var descriptor: Int32
  private let name: String
  private let closesAtEnd: Bool

  /// Opens `path`; throws `manifest_not_found`, `manifest_is_directory` or `manifest_unreadable`.
  ///
  /// A named pipe is opened by the first read: opening it waits until something writes to it, for as long as that
  /// takes, and only the thread that reads may be kept waiting.
  init(path: String) throws(ManifestError) {
    if FileByteSource.isNamedPipe(path) {
      guard access(path, R_OK) == 0 else { throw ManifestError.system(errno, opening: path) }
      facts = nil
      descriptor = -1
      name = path
      closesAtEnd = true
      return
    }
    let descriptor = FileByteSource.openForReading(path)
    guard descriptor >= 0 else { throw ManifestError.system(errno, opening: path) }
    do {
      facts = try FileByteSource.facts(of: descriptor, path: path)
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
    name = path
    closesAtEnd = true
  }

  /// Takes standard input, which is not closed at the end.
  init(standardInputNamed name: String) throws(ManifestError) {
    facts = try FileByteSource.facts(of: STDIN_FILENO, path: name)
    descriptor = STDIN_FILENO
    self.name = name
    closesAtEnd = false
  }

  deinit {
    if closesAtEnd, descriptor >= 0 { close(descriptor) }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int {
    if descriptor < 0 {
      descriptor = FileByteSource.openForReading(name)
      guard descriptor >= 0 else { throw ManifestError.system(errno, opening: name) }
    }
    while true {
      #if canImport(Darwin)
        let count = Darwin.read(descriptor, buffer.baseAddress, buffer.count)
      #elseif canImport(Musl)
        let count = Musl.read(descriptor, buffer.baseAddress, buffer.count)
      #else
        let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      #endif
      if count >= 0 { return count }
      if errno != EINTR { throw ManifestError.system(errno, opening: name) }
    }
  }

  private static func isNamedPipe(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }

  private static func openForReading(_ path: String) -> Int32 {
    while true {
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      if descriptor >= 0 || errno != EINTR { return descriptor }
    }
  }

  private static func facts(
    of descriptor: Int32, path: String
  ) throws(ManifestError) -> ManifestSource.FileFacts? {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw ManifestError.system(errno, opening: path) }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw ManifestError.system(EISDIR, opening: path)
    case S_IFREG: break
    default: return nil
    }
    #if canImport(Darwin)
      let time = status.st_mtimespec
    #else
      let time = status.st_mtim
    #endif
    return ManifestSource.FileFacts(
      path: path, byteCount: Int(status.st_size),
      modifiedAtMilliseconds: Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000)
  }
}
