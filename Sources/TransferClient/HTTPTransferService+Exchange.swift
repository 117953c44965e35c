internal import BatchDomain

extension HTTPTransferService {
  /// An answer as the scheduler wants it; of a page of the list of tasks only the beginning is looked at.
  func decoded(_ answer: HTTPExchange.Answer) -> ServiceAnswer {
    let isLong = answer.body.count > Self.answerLimit
    let source = AnswerDecoder.Source(
      body: isLong ? Array(answer.body.prefix(Self.answerLimit)) : answer.body,
      isCut: isLong || answer.cut != nil, answer.headers)
    return decoder.answer(
      status: answer.status, headers: answer.headers,
      words: memory.words(of: source, read: decoder.words(of:)), now: clock.now())
  }

  /// A failure as the scheduler wants it.
  func failure(_ fault: TransportFault, progress: TransportFailure.Progress) -> TransportFailure {
    TransportFailure(
      progress: progress, code: fault.rawValue,
      message: scrubber.scrub(
        fault.message(origin: configuration.origin, proxy: configuration.route.proxy?.description)))
  }

  /// The rows of an answer to a listing.
  ///
  /// A page is read straight away; the answer is put into words only when something is wrong with it, since
  /// taking secrets out of a whole page costs more than reading it.
  func rows(_ answer: HTTPExchange.Answer) throws(ListingFailure) -> [TaskRow] {
    guard answer.status == 200, decoder.mediaType(answer.headers) != "text/html" else {
      throw .refused(decoded(answer))
    }
    if case .broken(let fault) = answer.cut {
      throw .transport(failure(fault, progress: .maybeWritten))
    }
    guard answer.cut == nil else {
      throw unreadable(answer, "the page of the list of tasks is longer than \(Self.pageByteLimit) bytes")
    }
    do {
      return try pages.rows(answer.body)
    } catch {
      throw unreadable(answer, error.reason)
    }
  }

  private func unreadable(_ answer: HTTPExchange.Answer, _ reason: String) -> ListingFailure {
    var refusal = decoded(answer)
    refusal.code = Self.unreadableCode
    refusal.message = reason
    return .refused(refusal)
  }
}
