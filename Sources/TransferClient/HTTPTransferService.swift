package import BatchDomain
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// The service over HTTP/1.1. Never repeats a request, follows no redirect, and lets no key into what it returns.
///
/// Owns its connections: at most the run's concurrency and one for listings, kept for the next request as
/// ``ReusePolicy`` has it. Call ``shutdown()`` at the end.
package final class HTTPTransferService: TransferService {
  /// Bytes of an answer to a submission that are read; a connection with more to come is closed.
  package static let answerLimit = 64 * 1_024
  /// Bytes of a page of the list of tasks that are read; a longer one is a failure.
  package static let pageByteLimit = 4 * 1_024 * 1_024
  /// Error code of a page of the list of tasks that cannot be understood.
  package static let unreadableCode = "listing_unreadable"

  let configuration: TransferClientConfiguration
  /// One loop for all connections: it is far faster than the service.
  private let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.any()
  private let heads: RequestHeads
  let exchange: HTTPExchange
  let clock: any BatchClock
  /// Runs tasks on the loop of all connections: whoever waits for answers there is woken without a change of thread.
  package let executor: any TaskExecutor
  let reuse = ReusePolicy()
  let decoder: AnswerDecoder
  let memory = AnswerMemory()
  let pages: TaskPageDecoder
  let scrubber: Scrubber

  /// A client that has not connected yet.
  ///
  /// - Parameters:
  ///   - configuration: where to send, and how.
  ///   - clock: time for time-outs and for dates in answers.
  ///   - onHead: is told the status when the head of an answer came, before its body is read; for tests.
  package init(
    _ configuration: TransferClientConfiguration, clock: any BatchClock,
    onHead: (@Sendable (Int) -> Void)? = nil
  ) {
    self.configuration = configuration
    scrubber = Scrubber(key: configuration.key, route: configuration.route)
    decoder = AnswerDecoder(profile: configuration.profile, scrubber: scrubber)
    pages = TaskPageDecoder(key: configuration.key)
    executor = EventLoopExecutor(eventLoop)
    self.clock = clock
    heads = RequestHeads(configuration)
    let opener = ConnectionOpener(
      origin: ServiceOrigin(configuration.baseURL), route: configuration.route,
      timeout: configuration.connectTimeout, clock: clock, eventLoop: eventLoop)
    let pool = ConnectionPool(
      opener: opener, policy: reuse, idleTime: configuration.idleConnectionTime, eventLoop: eventLoop)
    exchange = HTTPExchange(
      pool: .makeBoxSendingValue(pool, eventLoop: eventLoop), eventLoop: eventLoop,
      limits: TimeLimits(clock: clock), onHead: onHead)
  }

  /// Closes all connections; requests under way fail. Nothing can be sent afterwards; a second call does nothing.
  package func shutdown() async {
    let pool = exchange.pool
    do {
      try await eventLoop.flatSubmit { pool.value.shutDown() }.get()
    } catch {
      // Closing a socket that is closed already is the only thing that can go wrong, and the system closes it anyway.
    }
  }

  /// Rows in a full page of the list of tasks; the version's documented maximum.
  package var pageLimit: Int { configuration.profile.listPageLimit }

  /// Sends one chunk and returns what came of it.
  package func submit(_ submission: Submission) async -> Exchange {
    let body = MultipartBody(chunk: submission.chunk, content: submission.filePart)
    let progress = WriteProgress()
    let result = await exchange.run(
      ServiceRequest(head: heads.submission(of: body, reusing: reuse.allowsReuse), body: body.buffer),
      progress: progress, timeout: submission.timeout, bodyLimit: Self.answerLimit)
    switch result {
    case .answered(let answer):
      // Whatever was said, no more of the body leaves. Nobody can have taken what was not written whole, so a yes to
      // that is no yes; a no is one.
      guard progress.judge() < .everything, (200..<300).contains(answer.status) else {
        return .answered(decoded(answer))
      }
      return .failed(failure(.earlyAnswer, progress: .maybeWritten))
    case .failed(let fault, let stage, let detail):
      return .failed(
        failure(fault, progress: stage == .everything ? .maybeWritten : .notWritten, detail: detail))
    }
  }

  /// Reads one page of an index's tasks, newest first.
  ///
  /// - Throws: ``ListingFailure``: `refused` for every answer that is not a readable page with status 200, with
  ///   code ``unreadableCode`` when only reading failed; `transport` when no whole answer came.
  package func listTasks(index: IndexID, page: Int) async throws(ListingFailure) -> [TaskRow] {
    let query = TaskListQuery(index: index, page: page, limit: pageLimit)
    return try await rows(list(query.target(path: configuration.profile.tasksPath)))
  }

  /// Reads from the list of tasks.
  ///
  /// - Throws: ``ListingFailure/transport(_:)`` when no head of an answer came.
  func list(_ target: String) async throws(ListingFailure) -> HTTPExchange.Answer {
    // A request without a body: nobody asks how much of it was written, so it counts as sent.
    let result = await exchange.run(
      ServiceRequest(head: heads.reading(target, reusing: reuse.allowsReuse), body: nil),
      progress: WriteProgress(stage: .everything), timeout: configuration.listTimeout,
      bodyLimit: Self.pageByteLimit)
    switch result {
    case .failed(let fault, _, let detail):
      throw .transport(
        failure(fault, progress: fault.isBeforeRequest ? .notWritten : .maybeWritten, detail: detail))
    case .answered(let answer): return answer
    }
  }
}

extension HTTPTransferService: CustomReflectable {
  /// A mirror without children: requests under way carry the key.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}
