import BatchDomain
import Foundation
import Reporting

/// A file that is there whole or not at all: written beside its place and moved there when it is complete.
///
/// The part that is being written has a random name, `PATH.RANDOM.part`, and a lock: a process id is the same again after a
/// restart of a container. Parts that nobody has locked were left by processes that died, and are removed.
final class AtomicFile {
  /// Where the file is once it is complete, at the end of all links.
  let path: String
  /// Where the file is while it is written.
  let part: String
  private let thing: String
  private let file: StandardStream
  private var isFinished = false

  /// Starts a file.
  ///
  /// - Parameters:
  ///   - path: where it is to be; what is there is replaced, with its permissions. A symbolic link stays, and what it leads to
  ///     is replaced.
  ///   - database: path of the database, which is never replaced, nor are the files that belong to it; `nil` for none.
  ///   - random: where the name of the part comes from.
  ///   - thing: what messages call the file.
  ///   - isPrivate: whether only the user may read it, whatever the mask of the process says.
  ///   - isDatabase: whether the file is a database itself, whose place the caller looks at; any other takes the place of none.
  /// - Throws: ``CommandFailure``, ``StoreError``.
  init(
    at path: String, beside database: String?, random: any RandomSource, called thing: String = "--output",
    isPrivate: Bool = false, isDatabase: Bool = false
  ) throws {
    let name = VisibleText.escape(path)
    guard path != "-" else {
      throw CommandFailure(
        .badInput, code: "output_not_a_file",
        "\(thing) is -, which stands for standard output, and needs a file",
        remedy: "name a file; ./- is a file of that name")
    }
    guard database.map({ !DatabaseFiles.contain(path, of: $0) }) ?? true else {
      throw CommandFailure(
        .badInput, code: "output_is_database", "\(thing) \(name) is a file of the database",
        remedy: "name another file")
    }
    guard Self.isReplaceable(path) else {
      throw CommandFailure(
        .badInput, code: "output_not_a_file", "\(thing) \(name) exists and is not a regular file",
        remedy: isPrivate ? "name a file" : "name a file, or leave --output out to write to standard output")
    }
    guard try !DatabaseFiles.belong(path), try isDatabase || !StoreOpener.isDatabase(at: path) else {
      throw CommandFailure(
        .badInput, code: "output_is_database", "\(thing) \(name) is a file of another database",
        remedy: "name another file")
    }
    // Beside the file itself, which a link stays a link to.
    let place = Self.isLink(path) ? DatabaseFiles.resolved(path) : path
    Self.removeParts(of: place)
    guard let opened = Self.open(place, random, mode: isPrivate ? 0o600 : 0o666) else {
      throw Self.failure(path, thing)
    }
    if !isPrivate, let mode = Self.mode(of: place), fchmod(opened.descriptor, mode) != 0 {
      close(opened.descriptor)
      Self.discard(opened.part)
      throw Self.failure(path, thing)
    }
    self.path = place
    self.thing = thing
    (part, file) = (opened.part, StandardStream(descriptor: opened.descriptor))
  }

  /// Takes the next piece of text.
  func write(_ text: String) throws { try file.write(text) }

  /// Puts the complete file in its place.
  ///
  /// - Throws: ``CommandFailure``; what was in its place is then still there.
  func finish() throws {
    guard fsync(file.descriptor) == 0, rename(part, path) == 0 else {
      throw Self.failure(path, thing)
    }
    isFinished = true
  }

  /// Removes what is written so far, from any thread, when a signal ends the process at once. A finished file stays.
  var removal: @Sendable () -> Void {
    { [part] in Self.discard(part) }
  }

  deinit {
    if !isFinished { Self.discard(part) }
    close(file.descriptor)
  }

  /// Digits in the random part of a name.
  private static let digits = 16
  /// Names that are tried: two that are the same are no accident.
  private static let tries = 8

  private static func open(
    _ path: String, _ random: any RandomSource, mode: mode_t
  ) -> (part: String, descriptor: Int32)? {
    for _ in 0..<tries {
      let number = String(random.next(), radix: 16)
      let part = "\(path).\(String(repeating: "0", count: digits - number.count))\(number).part"
      let descriptor = Foundation.open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
      guard descriptor >= 0 else {
        if errno == EEXIST { continue }
        return nil
      }
      // Between the two steps another process may have taken it for one that was left.
      var facts = stat()
      // Some network file systems have no such locks; nobody removes parts there.
      let isTaken = flock(descriptor, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR)
      guard !isTaken, fstat(descriptor, &facts) == 0, facts.st_nlink > 0 else {
        close(descriptor)
        continue
      }
      return (part, descriptor)
    }
    errno = EEXIST
    return nil
  }

  /// Removes what processes left that died while they wrote this file. What cannot be removed is in nobody's way.
  private static func removeParts(of path: String) {
    let name = PathNames.name(of: path) + "."
    let folder = PathNames.folder(of: path)
    guard let listing = opendir(folder) else { return }
    defer { closedir(listing) }
    while let entry = readdir(listing) {
      let found = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 1) { String(cString: $0) }
      }
      guard found.hasPrefix(name), found.hasSuffix(".part") else { continue }
      let middle = found.dropFirst(name.count).dropLast(".part".count)
      guard middle.utf8.count == digits, middle.allSatisfy({ $0.isASCII && $0.isHexDigit }) else { continue }
      removeIfLeft("\(folder)/\(found)")
    }
  }

  private static func removeIfLeft(_ part: String) {
    let descriptor = Foundation.open(part, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { discard(part) }
  }

  /// Removes a part, and what SQLite keeps beside one that it writes a database into.
  private static func discard(_ part: String) {
    for ending in ["", "-journal", "-wal", "-shm"] { unlink(part + ending) }
  }

  private static func isLink(_ path: String) -> Bool {
    var facts = stat()
    return lstat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFLNK
  }

  /// The permissions of a file that is there.
  private static func mode(of path: String) -> mode_t? {
    var facts = stat()
    return stat(path, &facts) == 0 ? facts.st_mode & 0o777 : nil
  }

  private static func isReplaceable(_ path: String) -> Bool {
    var facts = stat()
    return stat(path, &facts) != 0 || facts.st_mode & S_IFMT == S_IFREG
  }

  private static func failure(_ path: String, _ thing: String) -> CommandFailure {
    CommandFailure(
      .store, code: "output_failed",
      "failed to write \(thing) \(VisibleText.escape(path)): \(String(cString: strerror(errno)))",
      remedy: "name a file in an existing folder that this user may write")
  }
}

/// A file that text is appended to: made with mode 0600 where there is none; a pipe or a device is taken as it is.
final class AppendedFile: TextSink {
  private let stream: StandardStream

  /// Opens a file.
  ///
  /// - Throws: ``CommandFailure`` with status 2 and code `events_not_writable`.
  init(path: String) throws {
    // Without O_NONBLOCK, opening a named pipe that nobody reads would never return.
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else {
      let reason = errno == ENXIO ? "nobody reads that pipe" : String(cString: strerror(errno))
      throw CommandFailure(
        .badInput, code: "events_not_writable",
        "failed to open the file for events \(VisibleText.escape(path)): \(reason)",
        remedy: "name a file that this user may write, in an existing folder; nothing was sent")
    }
    _ = fcntl(descriptor, F_SETFL, O_APPEND)
    stream = StandardStream(descriptor: descriptor)
    // A full disk cut the last line of an earlier process: what comes now is a line of its own.
    if Self.endsInLine(path) { try stream.write("\n") }
  }

  /// Whether a regular file ends within a line.
  private static func endsInLine(_ path: String) -> Bool {
    var facts = stat()
    guard stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_size > 0 else { return false }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    // A file that may only be written to is appended to as it is.
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var last: UInt8 = 0
    return pread(descriptor, &last, 1, facts.st_size - 1) == 1 && last != UInt8(ascii: "\n")
  }

  var isTerminal: Bool { false }

  func write(_ text: String) throws { try stream.write(text) }

  var unreadBytes: Int? { stream.unreadBytes }

  deinit { close(stream.descriptor) }
}

/// The files of a database: closing any of them beside SQLite drops SQLite's locks, so no command opens one.
enum DatabaseFiles {
  /// Ends of the names of the files beside a database.
  private static let endings = ["-wal", "-shm", "-journal", ".lock"]

  /// Whether a path is that of a file beside some database, which need not be there.
  static func belong(_ path: String) throws -> Bool {
    let place = resolved(path)
    return try endings.contains { ending in
      try place.hasSuffix(ending) && StoreOpener.isDatabase(at: String(place.dropLast(ending.count)))
    }
  }

  /// Whether a path is one of them, or would be once the database is there.
  static func contain(_ path: String, of database: String) -> Bool {
    let place = resolved(path)
    // The files beside a database are beside what a link to it leads to.
    let places = [database, resolved(database)]
    return ([""] + endings).contains { ending in
      places.contains { main in
        let file = main + ending
        if let here = FileIdentity(path: path) { return here == FileIdentity(path: file) }
        // Names are bytes: two ways to write one letter are two files.
        return place.utf8.elementsEqual(resolved(file).utf8)
      }
    }
  }

  /// The path at the end of all links, of a file that may not be there; one in a folder that is not there, as it is.
  static func resolved(_ path: String) -> String {
    do {
      return try StoreOpener.withoutLinks(path)
    } catch {
      return URL(fileURLWithPath: path).standardizedFileURL.path
    }
  }
}

/// What makes two paths the same file.
struct FileIdentity: Equatable {
  private let device: UInt64
  private let node: UInt64

  /// Looks a path up without opening the file; `nil` when nothing is there.
  init?(path: String) {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    device = UInt64(facts.st_dev)
    node = UInt64(facts.st_ino)
  }
}
