internal import BatchDomain
internal import NIOCore
internal import NIOPosix

extension HTTPTransferService {
  /// An answer as the dispatcher wants it; of a page of the list of tasks only the beginning is looked at.
  func decoded(_ answer: HTTPExchange.Answer) -> ServiceAnswer {
    let isLong = answer.body.count > Self.answerLimit
    let source = AnswerDecoder.Source(
      body: isLong ? Array(answer.body.prefix(Self.answerLimit)) : answer.body,
      isCut: answer.cut != nil, isLong: isLong || answer.cut == .limit, answer.headers)
    return decoder.answer(
      status: answer.status, headers: answer.headers,
      words: memory.words(of: source, read: decoder.words(of:)), now: clock.now())
  }

  /// A failure as the dispatcher wants it.
  func failure(
    _ fault: TransportFault, progress: TransportFailure.Progress, detail: String? = nil
  ) -> TransportFailure {
    TransportFailure(
      progress: progress, code: fault.rawValue,
      message: scrubber.scrub(
        fault.message(
          origin: configuration.origin, proxy: configuration.route.proxy?.description, detail: detail)))
  }

  /// The rows of an answer to a listing.
  ///
  /// A page is read straight away; the answer is put into words only when something is wrong with it, since
  /// taking secrets out of a whole page costs more than reading it. Both are done on a thread that may be busy for as
  /// long as that takes: the loop of all connections may not.
  func rows(_ answer: HTTPExchange.Answer) async throws(ListingFailure) -> [TaskRow] {
    let result: Result<[TaskRow], ListingFailure>
    do {
      result = try await NIOSingletons.posixBlockingThreadPool.runIfActive { self.read(answer) }
    } catch {
      // The request was given up meanwhile: nobody waits any more, and the page is read here.
      result = read(answer)
    }
    return try result.get()
  }

  private func read(_ answer: HTTPExchange.Answer) -> Result<[TaskRow], ListingFailure> {
    do throws(ListingFailure) {
      return .success(try parse(answer))
    } catch {
      return .failure(error)
    }
  }

  private func parse(_ answer: HTTPExchange.Answer) throws(ListingFailure) -> [TaskRow] {
    guard answer.status == 200, decoder.mediaType(answer.headers) != "text/html" else {
      throw .refused(decoded(answer))
    }
    if case .broken(let fault) = answer.cut {
      throw .transport(failure(fault, progress: .maybeWritten))
    }
    guard answer.cut == nil else {
      throw unreadable(answer, "the page of the list of tasks is longer than \(Self.pageByteLimit) bytes")
    }
    var page = answer.body
    switch ContentCoding.decoded(
      page, values: answer.headers["content-encoding"], limit: Self.pageByteLimit)
    {
    case .bytes(let bytes, isCut: false, isLong: false): page = bytes
    case .bytes(_, _, isLong: true):
      throw unreadable(answer, "the page of the list of tasks is longer than \(Self.pageByteLimit) bytes")
    case .bytes: throw unreadable(answer, "the page of the list of tasks is compressed and breaks off")
    case .unreadable(let coding):
      throw unreadable(
        answer, "the page of the list of tasks is compressed (\(scrubber.scrub(coding))) and cannot be read")
    }
    do {
      return try pages.rows(page)
    } catch {
      throw unreadable(answer, error.reason)
    }
  }

  private func unreadable(_ answer: HTTPExchange.Answer, _ reason: String) -> ListingFailure {
    var refusal = decoded(answer)
    // What a page is says more than that it is no list.
    guard refusal.body != .page else { return .refused(refusal) }
    refusal.code = Self.unreadableCode
    refusal.message = reason
    return .refused(refusal)
  }
}
