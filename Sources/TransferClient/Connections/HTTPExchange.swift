internal import BatchDomain
internal import NIOCore

/// One request and as much of its answer as came in time.
struct HTTPExchange: Sendable {
  /// What an exchange came to, not yet judged.
  enum Result: Sendable {
    /// The head of an answer came; the body may be in part.
    case answered(Answer)
    /// No head came.
    ///
    /// - Parameter detail: more about the fault, as a part of its sentence.
    case failed(TransportFault, WriteProgress.Stage, detail: String? = nil)
  }

  /// An answer as it came.
  struct Answer: Sendable {
    /// HTTP status.
    var status: Int
    /// Header lines.
    var headers: AnswerHeaders
    /// The body, at most as long as was asked for.
    var body: [UInt8] = []
    /// Why the body is not whole; `nil` when it is.
    var cut: Cut?
  }

  /// Why a body is not whole.
  enum Cut: Sendable, Equatable {
    /// It is longer than was asked for; the rest was not read.
    case limit
    /// It broke off, or time was up.
    case broken(TransportFault)
  }

  /// The connections.
  let pool: NIOLoopBoundBox<ConnectionPool>
  /// The loop of all connections.
  let eventLoop: any EventLoop
  /// Where the limit on the whole exchange is kept, on the injected clock.
  let limits: TimeLimits
  /// Is told when the head of an answer came; for tests that have to know.
  let onHead: (@Sendable (Int) -> Void)?

  /// Sends a request and reads its answer. Never throws, never repeats.
  ///
  /// - Parameters:
  ///   - request: what is sent.
  ///   - progress: what the writing of the request's body is reported to; marked as written for a request without one.
  ///   - timeout: the most it may take from now to the end of the body.
  ///   - bodyLimit: the most bytes of body to read; with more to come the connection is given up.
  func run(
    _ request: ServiceRequest, progress: WriteProgress, timeout: Duration, bodyLimit: Int
  ) async -> Result {
    guard !Task.isCancelled else { return .failed(.cancelled, progress.judge()) }
    let exchange = NIOLoopBoundBox.makeBoxSendingValue(
      OngoingExchange(request, progress: progress, timeout: timeout, bodyLimit: bodyLimit, onHead: onHead),
      eventLoop: eventLoop)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        onLoop {
          let ticket = limits.begin(timeout) { onLoop { exchange.value.giveUp(.timeUp) } }
          exchange.value.whenOver { result in
            limits.lift(ticket)
            continuation.resume(returning: result)
          }
          if !exchange.value.isOver { pool.value.send(exchange.value) }
        }
      }
    } onCancel: {
      onLoop { exchange.value.giveUp(.cancelled) }
    }
  }

  /// Does something on the loop, at once when this is the loop.
  private func onLoop(_ work: @escaping @Sendable () -> Void) {
    if eventLoop.inEventLoop { work() } else { eventLoop.execute(work) }
  }
}
