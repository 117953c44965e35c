import BatchDomain
import Foundation
import NIOConcurrencyHelpers

/// Standard output or standard error.
struct StandardStream: TextSink {
  /// Results.
  static let output = StandardStream(descriptor: STDOUT_FILENO)
  /// Progress and diagnostics.
  static let diagnostics = StandardStream(descriptor: STDERR_FILENO)

  /// The descriptor it writes to.
  let descriptor: Int32

  var isTerminal: Bool { isatty(descriptor) == 1 }

  var size: TerminalSize? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 else { return nil }
    let foreground = tcgetpgrp(descriptor)
    // A terminal that is not this process's own tells no group; then nobody else is in the foreground of it.
    guard foreground == -1 || foreground == getpgrp() else { return nil }
    return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
  }

  /// What a pipe holds (pipe(7): FIONREAD); other files have no reader that is waited for.
  var unreadBytes: Int? {
    var count: Int32 = 0
    guard ioctl(descriptor, UInt(FIONREAD), &count) == 0 else { return nil }
    return Int(count)
  }

  func writeIfReady(_ text: String) {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&wanted, 1, 0) == 1, wanted.revents & Int16(POLLOUT) != 0 else { return }
    var text = text
    // One try: a terminal that takes a part of a line end takes it whole.
    _ = text.withUTF8 { Foundation.write(descriptor, $0.baseAddress, $0.count) }
  }

  func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
        if count > 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        } else if errno == EAGAIN {
          // A terminal or pipe that another program made non-blocking.
          var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = poll(&wanted, 1, -1)
        } else if errno == EPIPE {
          throw OutputClosed()
        } else if errno == EBADF, descriptor == STDOUT_FILENO {
          throw OutputFailed(reason: "standard output is closed", isClosed: true)
        } else if errno != EINTR {
          throw OutputFailed(reason: String(cString: strerror(errno)))
        }
      }
    }
  }
}

/// Text on its way to a place that may be slow or stuck: the writer never waits.
///
/// A reader that is gone, or that does not read, changes nothing for the writer.
final class QueuedOutput: TextSink {
  /// The place itself.
  let base: any TextSink
  /// What writes to it.
  let queue: OutputQueue

  /// Text for a place.
  ///
  /// - Parameters:
  ///   - label: the name of the queue in a debugger.
  ///   - name: what the place is called in the line that says how much was left out.
  init(to base: any TextSink, label: String, name: String, limits: OutputQueue.Limits = .init()) {
    self.base = base
    queue = OutputQueue(label: label, limits: limits, unread: { base.unreadBytes }) { count in
      let lines = "\(HumanNumber.text(count, "line")) \(count == 1 ? "was" : "were")"
      Self.put("warning: \(name) was read too slowly: \(lines) dropped here\n", to: base)
    }
  }

  var isTerminal: Bool { base.isTerminal }
  var size: TerminalSize? { base.size }

  func write(_ text: String) { add(text, .lasting) }

  func writeProgress(_ text: String) { add(text, .progress) }

  func writeIfReady(_ text: String) { base.writeIfReady(text) }

  var unreadBytes: Int? { base.unreadBytes }

  /// Suspends until all that was written so far is out, or its reader has read nothing for a second.
  func drained() async { await queue.drained() }

  private func add(_ text: String, _ importance: OutputQueue.Importance) {
    queue.add(importance) { [base, queue] in
      for piece in text.pieces(ofBytes: Self.pieceSize) {
        Self.put(String(piece), to: base)
        queue.step()
      }
    }
  }

  /// Bytes that are written at once: a reader that takes that much in a second is not taken for one that is gone.
  static let pieceSize = 4_096

  /// What cannot be written is dropped: a lost terminal never stops a run.
  private static func put(_ text: String, to base: any TextSink) {
    do { try base.write(text) } catch {}
  }
}

/// The reader of a result reads nothing.
struct OutputStuck: Error {}

extension ProcessContext {
  /// Writes a result, on a thread of its own.
  ///
  /// - Throws: ``OutputStuck`` when its reader has read nothing for a second, ``OutputClosed`` and ``OutputFailed`` as
  ///   ``TextSink/write(_:)`` does.
  func deliver(_ text: String) async throws {
    // What was said before comes first, where both go to one place.
    await diagnostics.drained()
    let queue = OutputQueue(
      label: "orchestrate.result", patience: patience, unread: { [output] in output.unreadBytes })
    let result = NIOLockedValueBox(Result<Void, any Error>.success(()))
    queue.add { [output] in
      do {
        for piece in text.pieces(ofBytes: QueuedOutput.pieceSize) {
          try output.write(String(piece))
          queue.step()
        }
      } catch {
        result.withLockedValue { $0 = .failure(error) }
      }
    }
    guard await queue.drained() else { throw OutputStuck() }
    try result.withLockedValue { $0 }.get()
  }

  /// Writes a line to standard error and waits until it is there: what is written to standard output next comes after it.
  func tell(_ line: String) async {
    note(line)
    await diagnostics.drained()
  }
}

extension String {
  /// The text in pieces of at most that many bytes of UTF-8, no Unicode scalar divided.
  ///
  /// - Parameter limit: 4 or more.
  func pieces(ofBytes limit: Int) -> [Substring] {
    var pieces: [Substring] = []
    var start = startIndex
    while start < endIndex {
      var end = utf8.index(start, offsetBy: limit, limitedBy: endIndex) ?? endIndex
      while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
      pieces.append(self[start..<end])
      start = end
    }
    return pieces
  }
}

/// Keeps the descriptors 0 to 2 for standard input, output and error.
///
/// A program may be started with any of them closed, as some service managers do. The next file or socket that is opened
/// then gets that number, and results would be written into it.
package enum StandardDescriptors {
  /// Puts a stand-in where one of them is closed. Called before anything else: the libraries of the language open files
  /// of their own as soon as there is a task.
  ///
  /// Standard input is one that cannot be read and standard output one that cannot be written, so that a user of them
  /// gets an error instead of an empty manifest or a result that nobody sees. What goes to standard error is dropped.
  package static func hold() {
    hold(STDIN_FILENO, O_WRONLY)
    hold(STDOUT_FILENO, O_RDONLY)
    hold(STDERR_FILENO, O_WRONLY)
  }

  private static func hold(_ descriptor: Int32, _ mode: Int32) {
    guard fcntl(descriptor, F_GETFD) == -1, errno == EBADF else { return }
    // The system gives the lowest free number. A folder takes the place where a confined program sees no devices.
    var held = open("/dev/null", mode)
    if held < 0 { held = open("/", O_RDONLY) }
    guard held >= 0, held != descriptor else { return }
    dup2(held, descriptor)
    close(held)
  }
}

/// How large a terminal is now, in characters.
package struct TerminalSize: Sendable, Equatable {
  /// Characters beside each other.
  package var columns: Int
  /// Lines below each other.
  package var rows: Int

  /// A size; what a terminal does not tell (0) is taken as 80 by 24.
  package init(columns: Int, rows: Int) {
    self.columns = columns > 0 ? columns : 80
    self.rows = rows > 0 ? rows : 24
  }
}
