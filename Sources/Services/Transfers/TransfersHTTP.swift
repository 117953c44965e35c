package import BatchDomain
internal import NIOCore
internal import NIOPosix
package import ServiceHTTP

/// The requests of the profiles v1 to v1.2 over HTTP.
///
/// Call ``shutdown()`` at the end.
package final class TransfersHTTP: TransfersAPI {
  /// Bytes of an answer to a submission that are read; a connection with more to come is closed.
  package static let answerLimit = 64 * 1_024
  /// Bytes of a page of the list of tasks that are read; a longer one is a failure.
  package static let pageByteLimit = 4 * 1_024 * 1_024
  /// The most a page of the list of tasks may take.
  package static let listTimeout: Duration = .seconds(30)
  /// Error code of a page of the list of tasks that cannot be understood.
  package static let unreadableCode = "listing_unreadable"

  private let requester: HTTPRequester
  private let profile: ServiceProfile
  private let clock: any BatchClock
  private let reader: AnswerReader
  private let pages: TaskPageDecoder

  /// A client that has not connected yet.
  ///
  /// - Parameters:
  ///   - endpoint: where to send, and how.
  ///   - profile: version of the service.
  ///   - clock: time for time-outs and for dates in answers.
  ///   - onHead: is told the status when the head of an answer came, before its body is read; for tests.
  package init(
    _ endpoint: ServiceEndpoint, profile: ServiceProfile, clock: any BatchClock,
    onHead: (@Sendable (Int) -> Void)? = nil
  ) {
    self.profile = profile
    self.clock = clock
    requester = HTTPRequester(endpoint, clock: clock, onHead: onHead)
    reader = AnswerReader(profile: profile, scrubber: requester.scrubber)
    pages = TaskPageDecoder(key: endpoint.key)
  }

  /// Runs tasks where the network is read; see ``ServiceHTTP/HTTPRequester/executor``.
  package var executor: any TaskExecutor { requester.executor }

  /// Closes all connections; requests under way fail. Nothing can be sent afterwards; a second call does nothing.
  package func shutdown() async { await requester.shutdown() }

  /// Rows in a full page of the list of tasks; the version's documented maximum.
  package var pageLimit: Int { profile.listPageLimit }

  /// Sends one chunk and returns what came of it.
  package func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> {
    let body = MultipartBody(chunk: unit.chunk, content: unit.content)
    let result = await requester.send(
      HTTPRequest(
        profile.submissionPath, body: HTTPRequest.Body(type: body.contentType, bytes: body.buffer)),
      timeout: unit.timeout, bodyLimit: Self.answerLimit)
    return result.map(read)
  }

  /// Reads one page of an index's tasks, newest first.
  ///
  /// - Throws: ``ListingFailure``: `refused` for every answer that is not a readable page with status 200, with
  ///   code ``unreadableCode`` when only reading failed; `transport` when no whole answer came.
  package func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> [TaskRow] {
    let query = TaskListQuery(index: index, page: page, limit: index == nil ? 1 : pageLimit)
    let result = await requester.send(
      HTTPRequest(query.target(path: profile.tasksPath)), timeout: Self.listTimeout,
      bodyLimit: Self.pageByteLimit)
    switch result {
    case .failure(let failure): throw .transport(failure)
    case .success(let answer): return try await rows(answer)
    }
  }

  private func read(_ answer: Answer) -> Answer { reader.read(answer, now: clock.now()) }

  // MARK: Pages

  /// The rows of an answer to a listing.
  ///
  /// A page is read straight away; the answer is put into words only when something is wrong with it, since
  /// taking secrets out of a whole page costs more than reading it. Both are done on a thread that may be busy for as
  /// long as that takes: the loop of all connections may not.
  private func rows(_ answer: Answer) async throws(ListingFailure) -> [TaskRow] {
    let result: Result<[TaskRow], ListingFailure>
    do {
      result = try await NIOSingletons.posixBlockingThreadPool.runIfActive { self.page(answer) }
    } catch {
      // The request was given up meanwhile: nobody waits any more, and the page is read here.
      result = page(answer)
    }
    return try result.get()
  }

  private func page(_ answer: Answer) -> Result<[TaskRow], ListingFailure> {
    do throws(ListingFailure) {
      return .success(try parse(answer))
    } catch {
      return .failure(error)
    }
  }

  private func parse(_ answer: Answer) throws(ListingFailure) -> [TaskRow] {
    guard answer.status == 200, reader.mediaType(answer.headers) != "text/html" else {
      throw .refused(read(answer))
    }
    if case .broken(let failure) = answer.cut { throw .transport(failure) }
    let tooLong = "the page of the list of tasks is longer than \(Self.pageByteLimit) bytes"
    guard answer.cut == nil else { throw unreadable(answer, tooLong) }
    let page: [UInt8]
    switch ContentCoding.decoded(
      answer.bytes, values: answer.headers["content-encoding"], limit: Self.pageByteLimit)
    {
    case .bytes(let bytes, isCut: false, isLong: false): page = bytes
    case .bytes(_, _, isLong: true): throw unreadable(answer, tooLong)
    case .bytes: throw unreadable(answer, "the page of the list of tasks is compressed and breaks off")
    case .unreadable(let coding):
      throw unreadable(
        answer,
        "the page of the list of tasks is compressed (\(requester.scrubber.scrub(coding))) and cannot be read"
      )
    }
    do {
      return try pages.rows(page)
    } catch {
      throw unreadable(answer, error.reason)
    }
  }

  private func unreadable(_ answer: Answer, _ reason: String) -> ListingFailure {
    var refusal = read(answer)
    // What a page is says more than that it is no list.
    guard refusal.body != .page else { return .refused(refusal) }
    refusal.code = Self.unreadableCode
    refusal.message = reason
    return .refused(refusal)
  }
}

extension TransfersHTTP: CustomReflectable {
  /// A mirror without children: the decoders know the key.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}
