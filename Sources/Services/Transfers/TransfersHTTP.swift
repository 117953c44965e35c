package import BatchDomain
internal import NIOCore
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
  private let requester: HTTPRequester
  private let profile: ServiceProfile
  private let clock: any BatchClock
  private let reader: AnswerReader
  private let pages: PageReader
  private let decoder: TaskPageDecoder

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
    pages = PageReader(
      reader, scrubber: requester.scrubber, subject: "the page of the list of tasks",
      byteLimit: Self.pageByteLimit)
    decoder = TaskPageDecoder(key: endpoint.key)
  }

  /// Runs tasks where the network is read; see ``ServiceHTTP/HTTPRequester/executor``.
  package var executor: any TaskExecutor { requester.executor }

  /// Closes all connections; requests under way fail. Nothing can be sent afterwards; a second call does nothing.
  package func shutdown() async { await requester.shutdown() }

  /// Rows that a page of the list of tasks is asked to have; the version's documented maximum.
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
  /// - Throws: `ListingFailure`, as `PageReader` has it; `transport` when no whole answer came.
  package func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    let query = TaskListQuery(index: index, page: page, limit: index == nil ? 1 : pageLimit)
    let result = await requester.send(
      HTTPRequest(query.target(path: profile.tasksPath)), timeout: Self.listTimeout,
      bodyLimit: Self.pageByteLimit)
    switch result {
    case .failure(let failure): throw .transport(failure)
    case .success(let answer):
      return try await pages.page(answer, now: clock.now()) { [decoder] bytes throws(UnreadablePage) in
        try decoder.page(bytes)
      }
    }
  }

  /// Reads one task.
  ///
  /// - Throws: `ListingFailure`, as `PageReader` has it; `transport` when no whole answer came.
  package func task(_ id: String) async throws(ListingFailure) -> TaskRow {
    let result = await requester.send(
      HTTPRequest(profile.taskPath(id)), timeout: Self.listTimeout, bodyLimit: Self.pageByteLimit)
    switch result {
    case .failure(let failure): throw .transport(failure)
    case .success(let answer):
      return try await pages.page(answer, now: clock.now()) { [decoder] bytes throws(UnreadablePage) in
        try decoder.task(bytes)
      }
    }
  }

  private func read(_ answer: Answer) -> Answer { reader.read(answer, now: clock.now()) }
}

extension TransfersHTTP: CustomReflectable {
  /// A mirror without children: the decoders know the key.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}
