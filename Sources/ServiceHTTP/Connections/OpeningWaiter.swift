internal import NIOCore
internal import NIOTLS

/// Tells when a step of opening a connection is done, or why it is not; leaves the pipeline afterwards.
final class OpeningWaiter: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = NIOAny

  private var done: EventLoopPromise<Void>?
  private let meaning: (any Error) -> any Error

  /// A waiter that keeps a promise: when the connection is encrypted, unless somebody else keeps it before.
  ///
  /// - Parameter meaning: what an error of the pipeline means for this step.
  init(_ done: EventLoopPromise<Void>, meaning: @escaping (any Error) -> any Error = { $0 }) {
    self.done = done
    self.meaning = meaning
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted? = event as? TLSUserEvent {
      let promise = done
      done = nil
      context.pipeline.syncOperations.removeHandler(context: context, promise: promise)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(meaning(error))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(ConnectionError.closed)
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { fail(ConnectionError.closed) }

  private func fail(_ error: any Error) {
    done?.fail(error)
    done = nil
  }
}
