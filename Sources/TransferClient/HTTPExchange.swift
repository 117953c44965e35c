internal import AsyncHTTPClient
internal import BatchDomain
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// One request and as much of its answer as came in time.
///
/// AsyncHTTPClient's own deadline ends with the head of the answer: `HTTPClient.execute` cancels it when it
/// returns, and `Transaction.StateMachine.deadlineExceeded()` ignores it once the head is there. So the time
/// limit here is a sleep beside the whole exchange, on the injected clock, whose end cancels the exchange; the
/// library's deadline stays behind it as a second line.
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
  /// What the time limit is measured on.
  let clock: any BatchClock
  /// Is told when the head of an answer came; for tests that have to know.
  let onHead: (@Sendable (Int) -> Void)?

  /// Sends a request and reads its answer. Never throws, never repeats.
  ///
  /// - Parameters:
  ///   - request: what is sent.
  ///   - progress: what the request's body reports to; marked as read to the end for a request without one.
  ///   - timeout: the most it may take from now to the end of the body.
  ///   - bodyLimit: the most bytes of body to read; with more to come the connection is given up.
  func run(
    _ request: HTTPClientRequest, progress: WriteProgress, timeout: Duration, bodyLimit: Int
  ) async -> Result {
    guard !Task.isCancelled else { return .failed(.cancelled, progress.judge()) }
    return await withTaskGroup(of: Result?.self) { group in
      let limit = TimeLimit()
      group.addTask {
        await perform(request, progress: progress, timeout: timeout, bodyLimit: bodyLimit, limit: limit)
      }
      group.addTask {
        do {
          try await clock.sleep(for: timeout)
          limit.pass()
        } catch {
          // The exchange was over first, or the caller gave it up; either way there is nothing to limit.
        }
        return nil
      }
      var result: Result?
      while let next = await group.next() {
        if let next { result = next }
        group.cancelAll()
      }
      // The first task always has a result.
      return result ?? .failed(.cancelled, progress.judge())
    }
  }

  private func perform(
    _ request: HTTPClientRequest, progress: WriteProgress, timeout: Duration, bodyLimit: Int, limit: TimeLimit
  ) async -> Result {
    do {
      let response = try await client.execute(request, deadline: Self.secondLine(timeout))
      return .answered(await read(response, bodyLimit: bodyLimit, limit: limit))
    } catch {
      let stage = progress.judge()
      return .failed(limit.fault(of: error, stage: stage), stage)
    }
  }

  private func read(_ response: HTTPClientResponse, bodyLimit: Int, limit: TimeLimit) async -> Answer {
    onHead?(Int(response.status.code))
    var headers = AnswerHeaders()
    for (name, value) in response.headers { headers.add(name, value) }
    var answer = Answer(status: Int(response.status.code), headers: headers)
    do {
      for try await buffer in response.body {
        let room = bodyLimit - answer.body.count
        answer.body += buffer.readableBytesView.prefix(room)
        if buffer.readableBytes > room {
          answer.cut = .limit
          break
        }
      }
      // A cancelled body ends like a whole one.
      if answer.cut == nil, Task.isCancelled {
        answer.cut = .broken(limit.fault(of: CancellationError(), stage: .everything))
      }
    } catch {
      answer.cut = .broken(limit.fault(of: error, stage: .everything))
    }
    return answer
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
