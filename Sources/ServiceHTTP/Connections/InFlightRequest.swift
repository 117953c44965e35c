internal import NIOCore
internal import NIOHTTP1

/// One request on its way and as much of its answer as came.
///
/// Belongs to the event loop of all connections: the loop writes, reads and judges, so that nothing of a request leaves
/// after it was judged.
final class InFlightRequest {
  /// What a request came to, not yet judged.
  enum Result: Sendable {
    /// The head of an answer came; the body may be in part.
    ///
    /// - Parameter brokenBy: what broke the body off.
    case answered(Answer, brokenBy: TransportFault? = nil)
    /// No head came.
    ///
    /// - Parameter detail: more about the fault, as a part of its sentence.
    case failed(TransportFault, WriteProgress.Stage, detail: String? = nil)
  }

  /// What is sent.
  let request: ServiceRequest
  /// What the writing of the request's body is reported to.
  let progress: WriteProgress
  /// The most it may take, from its beginning to the end of the answer.
  let timeout: Duration
  /// Whether that time is over, although its end may not have been noticed yet.
  let isTimeUp: @Sendable () -> Bool

  private let bodyLimit: Int
  private let onHead: (@Sendable (Int) -> Void)?
  private var answer: Answer?
  private var connection: ServiceConnection?
  private var result: Result?
  private var finish: ((Result) -> Void)?

  /// An exchange that has not begun.
  ///
  /// - Parameters:
  ///   - timeout: the most it may take, from now to the end of the answer; its sender sees to that.
  ///   - isTimeUp: whether that time is over.
  ///   - bodyLimit: the most bytes of the answer's body to keep.
  ///   - onHead: is told the status when the head of the answer came.
  init(
    _ request: ServiceRequest, progress: WriteProgress, timeout: Duration,
    isTimeUp: @escaping @Sendable () -> Bool,
    bodyLimit: Int, onHead: (@Sendable (Int) -> Void)?
  ) {
    self.request = request
    self.progress = progress
    self.timeout = timeout
    self.isTimeUp = isTimeUp
    self.bodyLimit = bodyLimit
    self.onHead = onHead
  }

  /// Whether it has its result.
  var isOver: Bool { result != nil }

  /// Names who waits for the result; it is called once, at once where the exchange was given up before.
  func whenOver(_ finish: @escaping (Result) -> Void) {
    if let result { finish(result) } else { self.finish = finish }
  }

  /// Notes the connection that carries it.
  func begins(on connection: ServiceConnection) { self.connection = connection }

  /// The head of the answer came.
  func receive(_ head: HTTPResponseHead) {
    var headers = AnswerHeaders()
    for (name, value) in head.headers { headers.add(name, value) }
    answer = Answer(status: Int(head.status.code), headers: headers)
    onHead?(Int(head.status.code))
  }

  /// More of the answer's body came.
  ///
  /// - Returns: `false` once it is longer than was asked for; the exchange is then over.
  func receive(_ bytes: ByteBuffer) -> Bool {
    let room = bodyLimit - (answer?.bytes.count ?? 0)
    answer?.bytes += bytes.readableBytesView.prefix(room)
    guard bytes.readableBytes > room else { return true }
    answer?.cut = .limit
    end()
    return false
  }

  /// The answer is whole.
  func end() {
    guard let answer else { return fail(ConnectionError.closed) }
    end(with: .answered(answer))
  }

  /// Nothing more can come.
  func fail(_ error: any Error) {
    let stage = progress.judge()
    guard let answer else {
      return end(
        with: .failed(
          TransportFault(error, stage: stage), stage, detail: TransportFault.detail(of: error)))
    }
    end(with: .answered(answer, brokenBy: TransportFault(error, stage: .everything)))
  }

  /// Ends it wherever it is; its connection is of no more use.
  func giveUp(_ error: ConnectionError) {
    guard !isOver else { return }
    let carrier = connection
    fail(error)
    carrier?.drop()
  }

  private func end(with result: Result) {
    guard self.result == nil else { return }
    self.result = result
    connection = nil
    finish?(result)
    finish = nil
  }
}
