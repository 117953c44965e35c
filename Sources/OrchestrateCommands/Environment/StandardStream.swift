import Foundation

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

  func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
        if count > 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        } else if errno == EAGAIN {
          // A terminal that another program made non-blocking.
          usleep(1_000)
        } else if errno == EPIPE {
          throw OutputClosed()
        } else if errno != EINTR {
          throw OutputFailed(reason: String(cString: strerror(errno)))
        }
      }
    }
  }
}
