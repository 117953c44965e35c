internal import NIOCore

/// A connection on its way to be ready.
///
/// Belongs to the event loop of all connections.
final class ConnectionOpening {
  /// What is to be at the end of its pipeline.
  let connection: ServiceConnection

  private let promise: EventLoopPromise<Void>
  private var channel: (any Channel)?
  private var isOver = false

  /// An opening that has not begun.
  init(_ connection: ServiceConnection, on eventLoop: any EventLoop) {
    self.connection = connection
    promise = eventLoop.makePromise()
  }

  /// When it is ready for its first request.
  var ready: EventLoopFuture<Void> { promise.futureResult }

  /// Notes that the other side accepted.
  func accept(_ channel: any Channel) {
    self.channel = channel
    if isOver { channel.reset() }
  }

  /// The channel, as long as it is of use.
  ///
  /// - Throws: ``ConnectionError/closed`` once it is not.
  func usableChannel() throws -> any Channel {
    guard let channel, !isOver, channel.isActive else { throw ConnectionError.closed }
    return channel
  }

  /// It is ready.
  func succeed() {
    guard !isOver else { return }
    isOver = true
    promise.succeed()
  }

  /// Gives it up.
  ///
  /// - Returns: when its channel is closed; `nil` where there is none.
  @discardableResult
  func abandon(_ error: any Error) -> EventLoopFuture<Void>? {
    guard !isOver else { return nil }
    isOver = true
    channel?.reset()
    promise.fail(error)
    return channel?.closeFuture
  }
}
