internal import BatchDomain
internal import NIOCore
internal import NIOPosix

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// Decides how the socket of a connection is closed. From the first moment on, closing means a reset: the system drops
/// what it has not sent yet, also when it closes the socket because this process was killed. So nothing of a request
/// arrives after its attempt has ended.
///
/// It stands first in the pipeline: a close that starts here passes by TLS, which would first write what it has
/// buffered and then wait for the other side.
final class SocketCloser: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer

  private var context: ChannelHandlerContext?

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  /// Prepares a socket that is not connected yet.
  static func install(in channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.addHandler(SocketCloser())
    }.flatMap { channel.setLinger(isReset: true) }
  }

  fileprivate func reset() { context?.close(promise: nil) }
}

extension Channel {
  /// Closes the socket at once by a reset; what is queued for the other side, here or in the system, is dropped.
  ///
  /// Belongs to the event loop of the channel.
  func reset() {
    do {
      try pipeline.syncOperations.handler(type: SocketCloser.self).reset()
    } catch {
      // The pipeline is gone, and with it the socket.
      close(promise: nil)
    }
  }

  /// Closes a connection that carries nothing in the order that TCP and TLS provide for.
  func closeInOrder() {
    setLinger(isReset: false).whenComplete { _ in self.close(promise: nil) }
  }

  /// Has the system give up the connection once the other side has acknowledged nothing for that long. Where the socket or
  /// the system knows no such limit, the request's own time limit is all there is.
  ///
  /// - Throws: any other error of the system; the socket is then of no use.
  func limitSilence(to limit: Duration) throws {
    #if os(Linux)
      let milliseconds = max(1, min(limit.wholeNanoseconds / 1_000_000, Int64(CInt.max)))
      do {
        try syncOptions?.setOption(
          ChannelOptions.Types.SocketOption(
            level: .tcp, name: NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)),
          value: ChannelOptions.Types.SocketOption.Value(milliseconds))
      } catch let error as IOError where [ENOPROTOOPT, EOPNOTSUPP, EINVAL].contains(error.errnoCode) {
        return
      }
    #endif
  }

  fileprivate func setLinger(isReset: Bool) -> EventLoopFuture<Void> {
    // Anything but a socket has nothing to be reset.
    guard let socket = self as? any SocketOptionProvider else { return eventLoop.makeSucceededVoidFuture() }
    return socket.setSoLinger(linger(l_onoff: isReset ? 1 : 0, l_linger: 0))
  }
}

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The files that this process may have open: every connection is one.
enum OpenFiles {
  /// Whether none can be opened any more. What fails for that reason inside of libraries comes out as another error: a
  /// name that cannot be resolved, certificates that cannot be read.
  static var areUsedUp: Bool {
    let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard descriptor < 0 else {
      close(descriptor)
      return false
    }
    return isLimit(errno)
  }

  /// Whether an error of the system says so.
  static func isLimit(_ code: CInt) -> Bool { code == EMFILE || code == ENFILE }

  /// How many this process may have open, as `ulimit -n` shows it; `nil` where the system does not say.
  static var limit: UInt64? {
    var limit = rlimit()
    #if canImport(Glibc)
      let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
    #else
      let isKnown = getrlimit(RLIMIT_NOFILE, &limit) == 0
    #endif
    return isKnown ? UInt64(limit.rlim_cur) : nil
  }
}
