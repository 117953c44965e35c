internal import KillPoints
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1

/// The end of a connection's pipeline: sends one request after the other, and knows whether the end of a request's body
/// was ever given to the socket.
final class ServiceConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let policy: ReusePolicy
  private let idleTime: Duration
  private let pool: ConnectionPool
  private var context: ChannelHandlerContext?
  private var exchange: InFlightRequest?
  /// The body that is being written; `nil` between requests.
  private var body: BodyWriting?
  private var requests = 0
  /// Whether a request was begun whose final answer has not begun.
  private var isWaiting = false
  /// Whether the request under way is the last.
  private var isLast = false
  /// Whether an answer came before the request under way was written whole.
  private var isOvertaken = false
  private var isClosedByUs = false

  /// Since when it waits for a request.
  var idleSince = NIODeadline.now()

  /// One connection that is being set up.
  ///
  /// - Parameters:
  ///   - pool: where it waits for its next request, until it is closed.
  ///   - policy: shared by all connections of a service.
  ///   - idleTime: how long the pool keeps a connection that is not used.
  init(pool: ConnectionPool, policy: ReusePolicy, idleTime: Duration) {
    self.pool = pool
    self.policy = policy
    self.idleTime = idleTime
  }

  /// Whether a request can be sent over it.
  var isUsable: Bool { !isClosedByUs && context?.channel.isActive == true }

  /// Whether it carried a request.
  var wasUsed: Bool { requests > 0 }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  // MARK: Sending

  /// Sends a request; the connection is idle.
  func send(_ exchange: InFlightRequest) {
    guard let context, isUsable else { return exchange.fail(ConnectionError.closed) }
    requests += 1
    isWaiting = true
    isLast = !policy.allowsReuse
    do {
      try context.channel.limitSilence(to: exchange.timeout)
    } catch {
      drop()
      return exchange.fail(error)
    }
    self.exchange = exchange
    exchange.begins(on: self)
    guard !exchange.isTimeUp() else { return exchange.giveUp(.timeUp) }
    context.write(wrapOutboundOut(.head(exchange.request.head)), promise: nil)
    guard let bytes = exchange.request.body else {
      return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
    body = BodyWriting(bytes, progress: exchange.progress)
    writeNextPiece(context)
  }

  /// Writes a piece of the body, and the next once the socket has taken it. Head and first piece leave in one call to
  /// the system.
  private func writeNextPiece(_ context: ChannelHandlerContext) {
    // A process that was stopped notices that only now, and nothing may leave any more.
    if let exchange, exchange.isTimeUp() { return exchange.giveUp(.timeUp) }
    guard let piece = body?.next() else {
      // The request was judged to have failed: nothing more of it leaves.
      return drop()
    }
    KillPoint.beforePiece.reached()
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { result in
      guard self.body != nil else { return }
      switch result {
      case .success where self.body?.isWritten == true:
        KillPoint.afterSend.reached()
        self.body = nil
      case .success: self.writeNextPiece(context)
      case .failure(let error):
        self.body?.failed()
        self.fail(error)
      }
    }
    let isEnd = body?.isWritten == true
    context.write(wrapOutboundOut(.body(.byteBuffer(piece))), promise: written)
    if isEnd { context.write(wrapOutboundOut(.end(nil)), promise: nil) }
    context.flush()
  }

  // MARK: Receiving

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // Encrypted connections go on to bring what was on its way until the other side has closed, too.
    guard !isClosedByUs else { return }
    switch unwrapInboundIn(data) {
    case .head(let head): receive(head)
    case .body(let bytes):
      if exchange?.receive(bytes) == false { drop() }
    case .end: finish()
    }
  }

  private func receive(_ head: HTTPResponseHead) {
    isWaiting = false
    // An answer that overtakes its request is the last on this connection, and no other piece of the request is begun.
    // After 101 the connection is no HTTP any more.
    if body != nil || !head.isKeepAlive || head.status == .switchingProtocols
      || !ReusePolicy.mayKeep(head.headers["Keep-Alive"], idleTime: idleTime)
    {
      isLast = true
    }
    if body != nil { isOvertaken = true }
    body?.failed()
    body = nil
    exchange?.receive(head)
  }

  private func finish() {
    let ended = exchange
    exchange = nil
    if isOvertaken {
      drop()
    } else if isLast {
      retire()
    } else if isUsable {
      pool.putBack(self)
    }
    ended?.end()
  }

  // MARK: Closing

  /// Closes it by a reset: what was under way is over for its sender, and nothing more of it arrives.
  func drop() {
    leave()
    context?.channel.reset()
  }

  /// Closes it in order; nothing is under way. It carries no request from now on, however long the closing takes.
  func retire() {
    leave()
    context?.channel.closeInOrder()
  }

  private func leave() {
    isClosedByUs = true
    pool.remove(self)
    exchange = nil
    body = nil
  }

  /// Closes it in the middle of an exchange, or between two.
  ///
  /// - Returns: when it is closed; `nil` for one that is.
  func shutDown() -> EventLoopFuture<Void>? {
    let closed = context?.channel.closeFuture
    if let exchange {
      exchange.fail(ConnectionError.cancelled)
      drop()
    } else {
      retire()
    }
    return closed
  }

  private func fail(_ error: any Error) {
    noteLoss()
    let failed = exchange
    drop()
    failed?.fail(error)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { fail(error) }

  func channelInactive(context: ChannelHandlerContext) {
    pool.remove(self)
    fail(ConnectionError.closed)
    context.fireChannelInactive()
  }

  private func noteLoss() {
    if isWaiting, !isClosedByUs, requests > 1 { policy.lostReusedConnection() }
  }
}

/// The body of a request on its way into a connection, piece by piece, so that it is known whether all of it was ever
/// taken by the socket: before that the service cannot have taken the request.
struct BodyWriting {
  /// Bytes of a piece at most: few enough that a receiver who stops reading is noticed before the end is handed out.
  static let pieceSize = 32 * 1_024

  private var rest: ByteBuffer
  private let progress: WriteProgress

  /// A body of which nothing was handed out.
  init(_ bytes: ByteBuffer, progress: WriteProgress) {
    rest = bytes
    self.progress = progress
  }

  /// Whether the last piece was handed out.
  var isWritten: Bool { rest.readableBytes == 0 }

  /// The next piece; `nil` once the request was judged to have failed.
  mutating func next() -> ByteBuffer? {
    let length = min(Self.pieceSize, rest.readableBytes)
    // Before the last piece is handed out, not after: who judges in between must not take it for unwritten.
    guard progress.advance(to: length == rest.readableBytes ? .everything : .part) else { return nil }
    return rest.readSlice(length: length)
  }

  /// The socket did not take all of the piece handed out last, and will not: SwiftNIO fails a write only when the
  /// connection is gone, and what was not written then is dropped.
  func failed() { progress.retreat() }
}

/// How far a request's body got on its way into the socket; shared by the connection that writes it and by the code that judges
/// a failure.
final class WriteProgress: Sendable {
  /// What was handed to the socket.
  enum Stage: Int, Sendable, Comparable {
    /// Nothing: no connection was ready to take the body.
    case nothing
    /// A part of the body, not its end.
    case part
    /// The last piece: from here on the service may have the whole request.
    case everything

    static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
  }

  private struct State {
    var stage: Stage
    var isJudged = false
  }

  private let state: NIOLockedValueBox<State>

  /// Progress of a request; at first its body is untouched, unless it has none.
  init(stage: Stage = .nothing) { state = NIOLockedValueBox(State(stage: stage)) }

  /// Notes that a piece is about to be handed to the socket.
  ///
  /// - Returns: whether it may be given out; not after ``judge()``.
  func advance(to stage: Stage) -> Bool {
    state.withLockedValue { state in
      guard !state.isJudged else { return false }
      state.stage = max(state.stage, stage)
      return true
    }
  }

  /// Takes the last step back: the end was handed out and provably not written. Changes nothing once it was judged.
  func retreat() {
    state.withLockedValue { state in
      if !state.isJudged, state.stage == .everything { state.stage = .part }
    }
  }

  /// The final word: how far it got, and no further from now on.
  func judge() -> Stage {
    state.withLockedValue { state in
      state.isJudged = true
      return state.stage
    }
  }
}
