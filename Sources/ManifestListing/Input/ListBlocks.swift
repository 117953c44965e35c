import BatchDomain

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The bytes of a list as they come, in blocks and once.
package protocol ListBlocks: AnyObject {
  /// The next block, not empty; `nil` at the end.
  ///
  /// - Throws: ``ListError``, what a source in S3 throws, `CancellationError`.
  func next() async throws -> [UInt8]?
}

/// A file or standard input. Reads block the calling thread for as long as the file or pipe does.
package final class FileBlocks: ListBlocks {
  /// Bytes that are asked for at a time.
  private static let blockByteCount = 256 * 1024
  /// What standard input is called in messages.
  package static let standardInputName = "standard input"

  private let descriptor: Int32
  private let name: String
  private let closesAtEnd: Bool

  /// Opens a file, or takes standard input when `path` is `-`.
  package init(path: String) throws(ListError) {
    if path == "-" {
      (descriptor, name, closesAtEnd) = (STDIN_FILENO, Self.standardInputName, false)
      return
    }
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    (name, closesAtEnd) = (path, true)
    guard descriptor >= 0 else { throw Self.failure(errno, path) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0 else {
      let number = errno
      close(descriptor)
      throw Self.failure(number, path)
    }
    guard facts.st_mode & S_IFMT != S_IFDIR else {
      close(descriptor)
      throw Self.failure(EISDIR, path)
    }
  }

  /// Whether something is at a path that is no folder.
  static func exists(_ path: String) -> Bool {
    var facts = stat()
    return stat(path, &facts) == 0 && facts.st_mode & S_IFMT != S_IFDIR
  }

  deinit {
    if closesAtEnd { close(descriptor) }
  }

  package func next() async throws -> [UInt8]? {
    try Task.checkCancellation()
    return try read()
  }

  private func read() throws(ListError) -> [UInt8]? {
    while true {
      var number: Int32 = 0
      let block = [UInt8](unsafeUninitializedCapacity: Self.blockByteCount) { space, count in
        #if canImport(Darwin)
          let length = Darwin.read(descriptor, space.baseAddress, space.count)
        #elseif canImport(Musl)
          let length = Musl.read(descriptor, space.baseAddress, space.count)
        #else
          let length = Glibc.read(descriptor, space.baseAddress, space.count)
        #endif
        if length < 0 { number = errno }
        count = max(0, length)
      }
      if !block.isEmpty { return block }
      if number == 0 { return nil }
      if number != EINTR { throw Self.failure(number, name) }
    }
  }

  private static func failure(_ number: Int32, _ name: String) -> ListError {
    switch number {
    case ENOENT, ENOTDIR:
      let file = UnreadableFile(missing: name, reader: "orchestrate list --from -")
      return ListError(
        .notFound, name, "\(file.cause), expected a list of a bucket", remedy: file.remedy)
    case EISDIR:
      return ListError(
        .isDirectory, name, "it is a folder, expected a file",
        remedy: "name a file in that folder; of an inventory, its manifest.json")
    default:
      let file = UnreadableFile(number)
      return ListError(
        .unreadable, name, "\(file.cause), expected a readable file", remedy: file.remedy)
    }
  }
}

/// An object of S3, as a stream of pieces.
package final class StreamBlocks: ListBlocks {
  private var pieces: AsyncThrowingStream<[UInt8], any Error>.AsyncIterator

  /// Takes the pieces of a stream.
  package init(_ stream: AsyncThrowingStream<[UInt8], any Error>) { pieces = stream.makeAsyncIterator() }

  package func next() async throws -> [UInt8]? {
    while let piece = try await pieces.next() {
      if !piece.isEmpty { return piece }
    }
    // A stream ends at once when its reader is cancelled.
    try Task.checkCancellation()
    return nil
  }
}
