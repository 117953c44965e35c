internal import AsyncHTTPClient
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1

/// Puts an answer together while it comes, and gives the connection up when it is longer than was asked for.
final class AnswerCollector: HTTPClientResponseDelegate {
  typealias Response = Void

  private let bodyLimit: Int
  private let onHead: (@Sendable (Int) -> Void)?
  private let state = NIOLockedValueBox<HTTPExchange.Answer?>(nil)

  /// A collector that has nothing yet.
  ///
  /// - Parameters:
  ///   - bodyLimit: the most bytes of body to keep.
  ///   - onHead: is told the status when the head came.
  init(bodyLimit: Int, onHead: (@Sendable (Int) -> Void)?) {
    self.bodyLimit = bodyLimit
    self.onHead = onHead
  }

  /// What came so far; `nil` before the head.
  var answer: HTTPExchange.Answer? { state.withLockedValue { $0 } }

  func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
    var headers = AnswerHeaders()
    for (name, value) in head.headers { headers.add(name, value) }
    state.withLockedValue { $0 = HTTPExchange.Answer(status: Int(head.status.code), headers: headers) }
    onHead?(Int(head.status.code))
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
    let isTooLong = state.withLockedValue { answer in
      guard let room = answer.map({ bodyLimit - $0.body.count }) else { return false }
      answer?.body += buffer.readableBytesView.prefix(room)
      guard buffer.readableBytes > room else { return false }
      answer?.cut = .limit
      return true
    }
    if isTooLong { task.cancel() }
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didFinishRequest(task: HTTPClient.Task<Void>) throws {}
}
