package import BatchDomain
internal import NIOCore
internal import NIOPosix

/// Reads answers that are pages of a list, or another thing that is only read: whole, or not at all.
///
/// A page is read straight away; the answer is put into words only when something is wrong with it, since taking
/// secrets out of a whole page costs more than reading it. Both are done on a thread that may be busy for as long as that
/// takes: the loop of all connections may not.
package struct PageReader: Sendable {
  /// Error code of a page that cannot be understood.
  package static let unreadableCode = "listing_unreadable"

  private let reader: AnswerReader
  private let scrubber: Scrubber
  private let subject: String
  private let byteLimit: Int
  private let limits: [RequestedWait.Limit]

  /// A reader of pages.
  ///
  /// - Parameters:
  ///   - reader: puts an answer into words that is no page.
  ///   - scrubber: takes secrets out of what else is said.
  ///   - subject: what a page is, for messages, for example `the page of the list of tasks`.
  ///   - byteLimit: the most bytes of a page; a longer one is a failure.
  ///   - limits: limits of the service that reading uses up.
  package init(
    _ reader: AnswerReader, scrubber: Scrubber, subject: String, byteLimit: Int,
    limits: [RequestedWait.Limit] = [.all]
  ) {
    self.reader = reader
    self.scrubber = scrubber
    self.subject = subject
    self.byteLimit = byteLimit
    self.limits = limits
  }

  /// Reads an answer as it came.
  ///
  /// - Parameters:
  ///   - now: when it came, by this machine's clock.
  ///   - decode: reads the bytes of a page with status 200.
  /// - Throws: ``ListingFailure``: `refused` for every answer that is not a readable page with status 200, with code
  ///   ``unreadableCode`` when only reading failed; `transport` when it is not whole.
  package func page<Page: Sendable>(
    _ answer: Answer, now: Timestamp,
    decode: @escaping @Sendable ([UInt8]) throws(UnreadablePage) -> Page
  ) async throws(ListingFailure) -> Page {
    let result: Result<Page, ListingFailure>
    do {
      result = try await NIOSingletons.posixBlockingThreadPool.runIfActive {
        read(answer, now: now, decode: decode)
      }
    } catch {
      // The request was given up meanwhile: nobody waits any more, and the page is read here.
      result = read(answer, now: now, decode: decode)
    }
    return try result.get()
  }

  private func read<Page: Sendable>(
    _ answer: Answer, now: Timestamp, decode: ([UInt8]) throws(UnreadablePage) -> Page
  ) -> Result<Page, ListingFailure> {
    do throws(ListingFailure) {
      let bytes = try bytes(of: answer, now: now)
      do throws(UnreadablePage) {
        return .success(try decode(bytes))
      } catch {
        return .failure(unreadable(answer, error.reason, now: now))
      }
    } catch {
      return .failure(error)
    }
  }

  private func bytes(of answer: Answer, now: Timestamp) throws(ListingFailure) -> [UInt8] {
    // Some frameworks send JSON as `text/html`: a page is told by its body, where that cannot be decoded.
    guard answer.status == 200 else { throw .refused(reader.read(answer, now: now, limits: limits)) }
    if case .broken(let failure) = answer.cut { throw .transport(failure) }
    let tooLong = "\(subject) is longer than \(byteLimit) bytes"
    guard answer.cut == nil else { throw unreadable(answer, tooLong, now: now) }
    switch ContentCoding.decoded(
      answer.bytes, values: answer.headers["content-encoding"], limit: byteLimit)
    {
    case .bytes(let bytes, isCut: false, isLong: false): return bytes
    case .bytes(_, _, isLong: true): throw unreadable(answer, tooLong, now: now)
    case .bytes: throw unreadable(answer, "\(subject) is compressed and breaks off", now: now)
    case .unreadable(let coding):
      throw unreadable(
        answer, "\(subject) is compressed (\(scrubber.scrub(coding))) and cannot be read", now: now)
    }
  }

  private func unreadable(_ answer: Answer, _ reason: String, now: Timestamp) -> ListingFailure {
    var refusal = reader.read(answer, now: now, limits: limits)
    // What a page is says more than that it is no list.
    guard refusal.body != .page else { return .refused(refusal) }
    refusal.code = Self.unreadableCode
    refusal.message = reason
    return .refused(refusal)
  }
}
