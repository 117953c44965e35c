internal import NIOCore
internal import NIOHTTP1

/// Sits in each connection between the HTTP codec and AsyncHTTPClient, and sees to what that library does not: that
/// a connection which the server is about to close is given up first, that a lost one is noticed, and that one is
/// free again by the time its answer is handed out.
final class ConnectionKeeper: ChannelDuplexHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias InboundOut = HTTPClientResponsePart
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  private let policy: ReusePolicy
  private let idleTime: Duration
  private var requests = 0
  /// Whether a request was begun whose final answer has not begun.
  private var isWaiting = false
  /// Whether a request was begun whose end has not come by.
  private var isSending = false
  /// Bytes of the request's body still to come by.
  private var bodyLeft = 0
  private var isClosedByUs = false
  private var heldEnd: HTTPClientResponsePart?

  /// A keeper for one connection.
  ///
  /// - Parameters:
  ///   - policy: shared by all connections of a service.
  ///   - idleTime: how long the library keeps a connection that is not used.
  init(policy: ReusePolicy, idleTime: Duration) {
    self.policy = policy
    self.idleTime = idleTime
  }

  /// Puts a keeper into a connection that AsyncHTTPClient has set up.
  static func join(_ channel: any Channel, policy: ReusePolicy, idleTime: Duration) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
      try pipeline.addHandler(ConnectionKeeper(policy: policy, idleTime: idleTime), position: .after(decoder))
    }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head):
      requests += 1
      isWaiting = true
      isSending = true
      bodyLeft = head.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
      context.write(data, promise: promise)
    case .body(let body):
      bodyLeft -= body.readableBytes
      context.write(data, promise: promise)
    case .end:
      isSending = false
      context.write(data, promise: promise)
      // After this call, not within it: the library is still busy with having sent the end.
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      if heldEnd != nil { context.eventLoop.execute { bound.value.0.release(bound.value.1) } }
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(var head) where head.status.code >= 200:
      isWaiting = false
      if !ReusePolicy.mayKeep(head.headers["Keep-Alive"], idleTime: idleTime) {
        head.headers.replaceOrAdd(name: "Connection", value: "close")
      }
      context.fireChannelRead(wrapInboundOut(.head(head)))
    case .end where isSending && bodyLeft <= 0:
      // The whole request is on its way and only its end, which has no bytes, has yet to come by. An answer that
      // overtakes it would leave the connection busy, and the next request would open another one.
      heldEnd = unwrapInboundIn(data)
    default:
      context.fireChannelRead(data)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    noteLoss()
    release(context)
    context.fireErrorCaught(error)
  }

  func channelInactive(context: ChannelHandlerContext) {
    noteLoss()
    release(context)
    context.fireChannelInactive()
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    isClosedByUs = true
    context.close(mode: mode, promise: promise)
  }

  private func noteLoss() {
    if isWaiting, !isClosedByUs, requests > 1 { policy.lostReusedConnection() }
  }

  private func release(_ context: ChannelHandlerContext) {
    guard let end = heldEnd else { return }
    heldEnd = nil
    context.fireChannelRead(wrapInboundOut(end))
    context.fireChannelReadComplete()
  }
}
