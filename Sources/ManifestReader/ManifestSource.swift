/// The text of one manifest in UTF-8, in blocks and once: decompressed when it is gzip (RFC 1952), and turned into UTF-8
/// when it is UTF-16.
///
/// Not Sendable: one reader uses it. Reads block the calling thread for as long as the file or pipe does.
package final class ManifestSource {
  /// What tells a regular file from a later version of itself.
  package struct FileFacts: Sendable, Equatable {
    /// The path as it was given.
    package var path: String
    /// The size in bytes, before decompression.
    package var byteCount: Int
    /// The time of the last change, in milliseconds UTC since 1970, rounded down.
    package var modifiedAtMilliseconds: Int

    /// Makes the facts from their parts.
    package init(path: String, byteCount: Int, modifiedAtMilliseconds: Int) {
      self.path = path
      self.byteCount = byteCount
      self.modifiedAtMilliseconds = modifiedAtMilliseconds
    }
  }

  /// How many bytes are asked of the file at a time.
  package static let blockByteCount = 256 * 1024
  /// What standard input is called in messages and records.
  package static let standardInputName = "standard input"

  /// What the manifest is called in messages: its path, or `standardInputName`.
  package let name: String
  /// Path, size and time when the manifest is a regular file (standard input redirected from one included).
  package let file: FileFacts?
  /// How many bytes were read so far, before decompression: the part of `file.byteCount` that is done.
  package private(set) var bytesRead = 0
  /// Whether the manifest is gzip; known after the first read.
  package private(set) var isCompressed = false
  /// How the text is written; known after the first read.
  package private(set) var encoding = TextEncoding.utf8

  private let source: any ByteSource
  private var head: [UInt8] = []
  private var isStarted = false
  private var inflater: GzipInflater?
  /// The beginning of the text, read to tell how it is written.
  private var textHead: [UInt8] = []
  private var decoder: UTF16Decoder?

  /// Opens a file, or standard input when `path` is `-`.
  /// Throws `manifest_not_found`, `manifest_is_directory` or `manifest_unreadable`.
  package convenience init(path: String) throws(ManifestError) {
    if path == "-" {
      let input = try FileByteSource(standardInputNamed: ManifestSource.standardInputName)
      self.init(input, name: ManifestSource.standardInputName, file: input.facts)
    } else {
      let input = try FileByteSource(path: path)
      self.init(input, name: path, file: input.facts)
    }
  }

  /// Reads from `source`, which `name` stands for in messages.
  package init(_ source: any ByteSource, name: String, file: FileFacts? = nil) {
    self.source = source
    self.name = name
    self.file = file
  }

  /// What the file is now, where it is another than when it was opened; nil when it did not change, or is no regular file.
  package func change() throws(ManifestError) -> FileFacts? {
    guard let now = try source.factsNow(), now != file else { return nil }
    return now
  }

  /// Fills the front of `buffer`, which is not empty, with the next bytes of the text and returns how many; 0 at
  /// the end only. Throws `manifest_unreadable`, `gzip_damaged` or `gzip_truncated`.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int {
    if !isStarted { try start() }
    if let decoder { return try decoder.read(into: buffer, from: readText) }
    return try readText(into: buffer)
  }

  /// Reads what tells gzip (RFC 1952, section 2.3.1: ID1 31, ID2 139), and what tells UTF-16.
  private func start() throws(ManifestError) {
    isStarted = true
    head = try ManifestSource.head { (space) throws(ManifestError) -> Int in try source.read(into: space) }
    isCompressed = head.starts(with: [0x1F, 0x8B])
    if isCompressed { inflater = try GzipInflater(name: name) }
    textHead = try ManifestSource.head(readInflated)
    encoding = TextEncoding(head: textHead)
    if encoding != .utf8 { decoder = UTF16Decoder(isBigEndian: encoding == .utf16BigEndian) }
  }

  /// The first bytes, as many as tell how a text is written or all when there are fewer; not one more is read.
  private static func head(
    _ read: (UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int
  ) throws(ManifestError) -> [UInt8] {
    var bytes: UInt32 = 0
    // Annotated because `withUnsafeMutableBytes` takes a closure of a typed error only when told.
    return try withUnsafeMutableBytes(of: &bytes) { (space) throws(ManifestError) -> [UInt8] in
      var filled = 0
      while filled < TextEncoding.headLength {
        let count = try read(UnsafeMutableRawBufferPointer(rebasing: space[filled...]))
        guard count > 0 else { break }
        filled += count
      }
      return Array(space.prefix(filled))
    }
  }

  private func readText(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int {
    guard !textHead.isEmpty else { return try readInflated(into: buffer) }
    let count = min(textHead.count, buffer.count)
    buffer.copyBytes(from: textHead.prefix(count))
    textHead.removeFirst(count)
    return count
  }

  private func readInflated(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int {
    if let inflater { return try inflater.read(into: buffer, from: readRaw) }
    return try readRaw(into: buffer)
  }

  private func readRaw(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int {
    if !head.isEmpty {
      let count = min(head.count, buffer.count)
      buffer.copyBytes(from: head.prefix(count))
      head.removeFirst(count)
      bytesRead += count
      return count
    }
    let count = try source.read(into: buffer)
    bytesRead += count
    return count
  }
}

/// Where the bytes of a manifest come from, before decompression.
package protocol ByteSource: AnyObject {
  /// Fills the front of `buffer`, which is not empty, with the next bytes and returns how many; 0 at the end only.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int
  /// What a regular file is now; nil of anything else.
  func factsNow() throws(ManifestError) -> ManifestSource.FileFacts?
}

extension ByteSource {
  package func factsNow() throws(ManifestError) -> ManifestSource.FileFacts? { nil }
}

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

  func factsNow() throws(ManifestError) -> ManifestSource.FileFacts? {
    try facts.flatMap { (facts) throws(ManifestError) in
      try FileByteSource.facts(of: descriptor, path: facts.path)
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
