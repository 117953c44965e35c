package import BatchDomain
package import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Sends requests to one service over HTTP/1.1. Never repeats a request, follows no redirect, and lets no key into what
/// it returns.
///
/// Owns its connections: one for each request under way, kept for the next request as ``ReusePolicy`` has it. Call
/// ``shutdown()`` at the end.
package final class HTTPRequester: Sendable {
  /// Where it sends.
  package let endpoint: ServiceEndpoint
  /// Takes secrets out of what the service says.
  package let scrubber: Scrubber
  /// Runs tasks on the loop of all connections: a task that waits for answers there is woken without a change of thread.
  package let executor: any TaskExecutor

  /// One loop for all connections: it is far faster than the service.
  private let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.any()
  private let pool: NIOLoopBoundBox<ConnectionPool>
  private let limits: TimeLimits
  private let reuse = ReusePolicy()
  private let commonHeaders: HTTPHeaders
  private let onHead: (@Sendable (Int) -> Void)?

  /// A requester that has not connected yet.
  ///
  /// - Parameters:
  ///   - clock: time for time-outs and for what dates of certificates are held against.
  ///   - register: secrets that become known later, and that must not be in what is returned either.
  ///   - onHead: is told the status when the head of an answer came, before its body is read; for tests.
  package init(
    _ endpoint: ServiceEndpoint, clock: any BatchClock, register: SecretRegister? = nil,
    onHead: (@Sendable (Int) -> Void)? = nil
  ) {
    self.endpoint = endpoint
    self.onHead = onHead
    scrubber = Scrubber(key: endpoint.key, route: endpoint.route, register: register)
    executor = EventLoopExecutor(eventLoop)
    limits = TimeLimits(clock: clock)
    let host = endpoint.origin.split(separator: "/").last.map { String($0) } ?? ""
    commonHeaders = [
      "Host": host, "x-api-key": endpoint.key.value, "User-Agent": endpoint.userAgent,
      "Accept": "application/json", "Accept-Encoding": "identity",
    ]
    let opener = ConnectionOpener(
      origin: ServiceOrigin(endpoint.baseURL), route: endpoint.route, timeout: endpoint.connectTimeout,
      clock: clock, eventLoop: eventLoop)
    pool = .makeBoxSendingValue(
      ConnectionPool(
        opener: opener, policy: reuse, idleTime: endpoint.idleConnectionTime, eventLoop: eventLoop),
      eventLoop: eventLoop)
  }

  /// Closes all connections; requests under way fail. Nothing can be sent afterwards; a second call does nothing.
  package func shutdown() async {
    let pool = pool
    do {
      try await eventLoop.flatSubmit { pool.value.shutDown() }.get()
    } catch {
      // Closing a socket that is closed already is the only thing that can go wrong, and the system closes it anyway.
    }
  }

  /// Sends a request and reads its answer. Never throws, never repeats.
  ///
  /// Once the head of an answer came, that is an answer, whatever became of its body. A success to a request that was
  /// not written whole is none: nobody can have taken it.
  ///
  /// - Parameters:
  ///   - timeout: the most it may take from now to the end of the body.
  ///   - bodyLimit: the most bytes of the answer's body to read; with more to come the connection is closed.
  /// - Returns: the answer, not read yet, or why there is none, without secrets. A request that is cancelled fails.
  package func send(
    _ request: HTTPRequest, timeout: Duration, bodyLimit: Int
  ) async -> Result<Answer, TransportFailure> {
    // A request without a body: nobody asks how much of it was written, so it counts as sent.
    let progress = WriteProgress(stage: request.body == nil ? .everything : .nothing)
    let result = await run(
      ServiceRequest(head: head(of: request), body: request.body?.bytes), progress: progress,
      timeout: timeout, bodyLimit: bodyLimit)
    switch result {
    case .answered(var answer, let fault):
      if let fault { answer.cut = .broken(failure(fault, progress: .maybeWritten)) }
      // Whatever was said, no more of the body leaves. Nobody can have taken what was not written whole, so a yes to
      // that is no yes; a no is one.
      guard progress.judge() < .everything, (200..<300).contains(answer.status) else {
        return .success(answer)
      }
      return .failure(failure(.earlyAnswer, progress: .maybeWritten))
    case .failed(let fault, let stage, let detail):
      let isWritten = request.body == nil ? !fault.isBeforeRequest : stage == .everything
      return .failure(failure(fault, progress: isWritten ? .maybeWritten : .notWritten, detail: detail))
    }
  }

  private func failure(
    _ fault: TransportFault, progress: TransportFailure.Progress, detail: String? = nil
  ) -> TransportFailure {
    TransportFailure(
      progress: progress, code: fault.rawValue,
      message: scrubber.scrub(
        fault.message(
          origin: endpoint.origin, proxy: endpoint.route.proxy?.description, detail: detail)))
  }

  private func head(of request: HTTPRequest) -> HTTPRequestHead {
    var head = HTTPRequestHead(
      version: .http1_1, method: request.body == nil ? .GET : .POST, uri: endpoint.path + request.target,
      headers: commonHeaders)
    if !reuse.allowsReuse { head.headers.add(name: "Connection", value: "close") }
    if let body = request.body {
      head.headers.add(name: "Content-Type", value: body.type)
      head.headers.add(name: "Content-Length", value: String(body.bytes.readableBytes))
    }
    return head
  }

  private func run(
    _ request: ServiceRequest, progress: WriteProgress, timeout: Duration, bodyLimit: Int
  ) async -> InFlightRequest.Result {
    guard !Task.isCancelled else { return .failed(.cancelled, progress.judge()) }
    let exchange = NIOLoopBoundBox.makeBoxSendingValue(
      InFlightRequest(
        request, progress: progress, timeout: timeout, isTimeUp: limits.deadline(timeout),
        bodyLimit: bodyLimit,
        onHead: onHead),
      eventLoop: eventLoop)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        onLoop { [limits, pool] in
          let ticket = limits.begin(timeout) { self.onLoop { exchange.value.giveUp(.timeUp) } }
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

extension HTTPRequester: CustomReflectable {
  /// A mirror without children: requests under way carry the key.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// A request to the service: a `POST` where it has a body, else a `GET`.
package struct HTTPRequest: Sendable {
  /// Path and query below the address of the service.
  package var target: String
  /// What is sent; `nil` for a request that only reads.
  package var body: Body?

  /// What a request sends.
  package struct Body: Sendable {
    /// Value of `Content-Type`.
    package var type: String
    /// The bytes.
    package var bytes: ByteBuffer

    /// Bytes of that type.
    package init(type: String, bytes: ByteBuffer) {
      self.type = type
      self.bytes = bytes
    }
  }

  /// A request below the address of the service.
  package init(_ target: String, body: Body? = nil) {
    self.target = target
    self.body = body
  }
}

/// A request as it goes into a connection.
struct ServiceRequest: Sendable {
  /// Method, target and header lines; the length of the body is among them.
  var head: HTTPRequestHead
  /// The body; `nil` for a request without one.
  var body: ByteBuffer?
}

/// Runs tasks on an event loop, so that what waits for the network wakes up where the network is read: an answer then
/// costs no change of thread.
///
/// Whatever runs there must not block.
final class EventLoopExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  /// An executor of that loop.
  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
