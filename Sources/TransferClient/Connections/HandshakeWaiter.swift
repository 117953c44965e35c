internal import NIOCore
internal import NIOTLS

/// Tells when a connection is encrypted, or why it is not; of no use afterwards.
final class HandshakeWaiter: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = NIOAny

  private var done: EventLoopPromise<Void>?

  /// A waiter that keeps that promise.
  init(_ done: EventLoopPromise<Void>) { self.done = done }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted? = event as? TLSUserEvent {
      let promise = done
      done = nil
      context.pipeline.syncOperations.removeHandler(context: context, promise: promise)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    done?.fail(error)
    done = nil
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    done?.fail(ConnectionError.closed)
    done = nil
    context.fireChannelInactive()
  }
}
