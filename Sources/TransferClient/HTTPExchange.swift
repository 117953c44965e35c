internal import AsyncHTTPClient
internal import BatchDomain
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// One request and as much of its answer as came in time.
///
/// AsyncHTTPClient's delegates are used, not its async functions: those start two tasks for every request, one of them
/// on the shared task pool. The limit on the whole exchange is kept on the injected clock, and its end cancels the
/// exchange; the library's own deadline stays behind it as a second line.
struct HTTPExchange: Sendable {
  /// What an exchange came to, not yet judged.
  enum Result: Sendable {
    /// The head of an answer came; the body may be in part.
    case answered(Answer)
    /// No head came.
    case failed(TransportFault, WriteProgress.Stage)
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

  /// Does the work.
  let client: HTTPClient
  /// The loop of all connections.
  let eventLoop: any EventLoop
  /// Where the limit on the whole exchange is kept.
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
    _ request: HTTPClient.Request, progress: WriteProgress, timeout: Duration, bodyLimit: Int
  ) async -> Result {
    guard !Task.isCancelled else { return .failed(.cancelled, progress.judge()) }
    let limit = TimeLimit()
    let collector = AnswerCollector(bodyLimit: bodyLimit, onHead: onHead)
    let task = client.execute(
      request: request, delegate: collector, eventLoop: .delegate(on: eventLoop),
      deadline: Self.secondLine(timeout))
    let ticket = limits.begin(timeout) {
      limit.pass()
      task.cancel()
    }
    defer { limits.lift(ticket) }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        task.futureResult.whenComplete { result in
          // On the event loop, where bodies are written: nothing more of this one is handed out from here on.
          continuation.resume(
            returning: Self.judge(result, collector: collector, progress: progress, limit: limit))
        }
      }
    } onCancel: {
      task.cancel()
    }
  }

  private static func judge(
    _ result: Swift.Result<Void, any Error>, collector: AnswerCollector, progress: WriteProgress,
    limit: TimeLimit
  ) -> Result {
    guard var answer = collector.answer else {
      let stage = progress.judge()
      switch result {
      case .success:
        return .failed(TransportFault(HTTPClientError.remoteConnectionClosed, stage: stage), stage)
      case .failure(let error): return .failed(limit.fault(of: error, stage: stage), stage)
      }
    }
    if case .failure(let error) = result, answer.cut == nil {
      answer.cut = .broken(limit.fault(of: error, stage: .everything))
    }
    return .answered(answer)
  }

  /// The library's deadline: well after ours, and never so far that its arithmetic overflows.
  private static func secondLine(_ timeout: Duration) -> NIODeadline {
    .now() + .seconds(Int64(max(.zero, min(timeout, .seconds(30 * 86_400))).inSeconds) + 60)
  }
}

/// Whether an exchange's time was up before it ended.
private final class TimeLimit: Sendable {
  private let isPassed = Atomic(false)

  /// Notes that time is up.
  func pass() { isPassed.store(true, ordering: .sequentiallyConsistent) }

  /// What an error means: giving an exchange up because its time is up is a time-out.
  func fault(of error: any Error, stage: WriteProgress.Stage) -> TransportFault {
    let fault = TransportFault(error, stage: stage)
    guard fault == .cancelled, isPassed.load(ordering: .sequentiallyConsistent) else { return fault }
    return stage == .nothing ? .connectTimeout : .timeout
  }
}
