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
