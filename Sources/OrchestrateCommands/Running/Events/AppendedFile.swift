import BatchDomain
import Foundation
import Reporting

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
        remedy: "name a file that this user may write, in a folder that is there; nothing was sent")
    }
    _ = fcntl(descriptor, F_SETFL, O_APPEND)
    stream = StandardStream(descriptor: descriptor)
  }

  var isTerminal: Bool { false }

  func write(_ text: String) throws { try stream.write(text) }

  var unreadBytes: Int? { stream.unreadBytes }

  deinit { close(stream.descriptor) }
}
