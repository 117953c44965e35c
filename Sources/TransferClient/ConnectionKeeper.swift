internal import KillPoints
internal import NIOCore
internal import NIOHTTP1

/// Sits in each connection between the HTTP codec and AsyncHTTPClient, and sees to what that library does not: that
/// a connection which the server is about to close is given up first, that a lost one is noticed, and that it is known
/// whether the end of a submission's body was ever given to the socket.
final class ConnectionKeeper: ChannelDuplexHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias InboundOut = HTTPClientResponsePart
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  private let policy: ReusePolicy
  private let idleTime: Duration
  private let bodies: OutgoingBodies
  private var requests = 0
  /// Whether a request was begun whose final answer has not begun.
  private var isWaiting = false
  private var isClosedByUs = false
  /// The body that is being written; `nil` between submissions.
  private var body: BodyWriting?
  /// Whether a head waits for the body to be written with it.
  private var isHeadHeld = false
  /// The end of the request, which the library hands over before all of the body is written.
  private var heldEnd: (part: NIOAny, promise: EventLoopPromise<Void>?)?

  /// A keeper for one connection.
  ///
  /// - Parameters:
  ///   - policy: shared by all connections of a service.
  ///   - idleTime: how long the library keeps a connection that is not used.
  ///   - bodies: submissions under way.
  init(policy: ReusePolicy, idleTime: Duration, bodies: OutgoingBodies) {
    self.policy = policy
    self.idleTime = idleTime
    self.bodies = bodies
  }

  /// Puts a keeper into a connection that AsyncHTTPClient has set up.
  static func join(
    _ channel: any Channel, policy: ReusePolicy, idleTime: Duration, bodies: OutgoingBodies
  ) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
      try pipeline.addHandler(
        ConnectionKeeper(policy: policy, idleTime: idleTime, bodies: bodies), position: .after(decoder))
    }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head):
      requests += 1
      isWaiting = true
      isHeadHeld = head.headers.first(name: "Content-Length").map { $0 != "0" } ?? false
      context.write(data, promise: promise)
    case .body(.byteBuffer(let bytes)):
      isHeadHeld = false
      guard let progress = bodies.progress(of: bytes) else {
        return context.write(data, promise: promise)
      }
      body = BodyWriting(bytes, progress: progress, promise: promise)
      writeNextPiece(context)
    case .end where body != nil:
      heldEnd = (data, promise)
    case .body, .end:
      context.write(data, promise: promise)
    }
  }

  func flush(context: ChannelHandlerContext) {
    // Head and body leave in one call to the system; the library's flush of the body follows at once.
    if !isHeadHeld { context.flush() }
  }

  /// Writes a piece of the body, and the next once the socket has taken it.
  private func writeNextPiece(_ context: ChannelHandlerContext) {
    guard let piece = body?.next() else {
      // The request was judged to have failed: nothing more of it leaves.
      return context.close(promise: nil)
    }
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { result in
      guard self.body != nil else { return }
      switch result {
      case .success where self.body?.isWritten == true: self.endRequest(context)
      case .success: self.writeNextPiece(context)
      case .failure(let error):
        self.body?.failed()
        self.drop(error)
      }
    }
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(piece))), promise: written)
  }

  private func endRequest(_ context: ChannelHandlerContext) {
    KillPoint.afterSend.reached()
    let written = body
    body = nil
    written?.promise?.succeed()
    guard let end = heldEnd else { return }
    heldEnd = nil
    context.writeAndFlush(end.part, promise: end.promise)
  }

  /// Hands out no more of a body whose answer is there. The library is told that all is written: were it told of a
  /// failure, it would drop the answer.
  private func giveUpBody() {
    body?.failed()
    body?.promise?.succeed()
    body = nil
    heldEnd?.promise?.succeed()
    heldEnd = nil
  }

  /// Forgets what cannot be written any more.
  private func drop(_ error: any Error) {
    body?.promise?.fail(error)
    body = nil
    heldEnd?.promise?.fail(error)
    heldEnd = nil
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    // To the library a body is written once it was handed over here: were it told to pause, it would give up the rest
    // of an answer that comes meanwhile.
    if body == nil { context.fireChannelWritabilityChanged() }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .head(var head) = unwrapInboundIn(data), head.status.code >= 200 {
      isWaiting = false
      // An answer that overtakes its request is the last on this connection.
      if body != nil || !ReusePolicy.mayKeep(head.headers["Keep-Alive"], idleTime: idleTime) {
        head.headers.replaceOrAdd(name: "Connection", value: "close")
      }
      giveUpBody()
      return context.fireChannelRead(wrapInboundOut(.head(head)))
    }
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    noteLoss()
    context.fireErrorCaught(error)
  }

  func channelInactive(context: ChannelHandlerContext) {
    noteLoss()
    drop(ChannelError.ioOnClosedChannel)
    context.fireChannelInactive()
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    isClosedByUs = true
    context.close(mode: mode, promise: promise)
  }

  private func noteLoss() {
    if isWaiting, !isClosedByUs, requests > 1 { policy.lostReusedConnection() }
  }
}
