import BatchDomain
import ServiceHTTP
import TransfersService

/// A key that looks like a real one.
let testKey = "tlk_3F7Q+9ab/XYZ-0123456789-Kk"

/// Runs a body with a client and shuts it down afterwards, whatever happens. Its idle connections stay open for as
/// long as any test could take, unless the test says otherwise.
func withClient<Value>(
  _ baseURL: String, profile: ServiceProfile = .v1, key: String = testKey,
  connectTimeout: Duration = .seconds(600), environment: [String: String] = [:],
  idleConnectionTime: Duration = .seconds(3_600), clock: TimeOutClock = TimeOutClock(),
  onHead: (@Sendable (Int) -> Void)? = nil, _ body: (TransfersHTTP) async throws -> Value
) async throws -> Value {
  let endpoint = ServiceEndpoint(
    baseURL: baseURL, key: try APIKey(key), userAgent: "orchestrate/0.0.0-test",
    connectTimeout: connectTimeout,
    route: try ServiceRoute(to: baseURL, environment: environment), idleConnectionTime: idleConnectionTime)
  let service = TransfersHTTP(endpoint, profile: profile, clock: clock, onHead: onHead)
  do {
    let value = try await body(service)
    await service.shutdown()
    return value
  } catch {
    await service.shutdown()
    throw error
  }
}

/// A chunk of one item.
func submission(_ number: Int = 17, content: String = sampleContent) -> SendUnit {
  SendUnit(
    chunk: ChunkNumber(number), itemCount: 1, content: Array(content.utf8), timeout: .seconds(60),
    mayBeDivided: true)
}

/// A chunk that is larger than all buffers between client and server.
func largeSubmission() -> SendUnit {
  SendUnit(
    chunk: ChunkNumber(17), itemCount: 1, content: Array(repeating: UInt8(ascii: "x"), count: 32 << 20),
    timeout: .seconds(60), mayBeDivided: true)
}

let sampleContent =
  #"[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/01.mp4"}]"#

extension Result<Answer, TransportFailure> {
  /// The answer, if one came.
  var answer: Answer? {
    guard case .success(let answer) = self else { return nil }
    return answer
  }

  /// The failure, if no answer came.
  var failure: TransportFailure? {
    guard case .failure(let failure) = self else { return nil }
    return failure
  }
}

extension AnswerReader {
  /// Reads an answer with that body.
  ///
  /// - Parameters:
  ///   - isCut: whether the body broke off.
  ///   - isLong: whether it is longer than was asked for.
  func decode(
    status: Int, headers: AnswerHeaders, body: [UInt8], isCut: Bool = false, isLong: Bool = false,
    now: Timestamp
  ) -> Answer {
    let broken = Answer.Cut.broken(
      TransportFailure(progress: .maybeWritten, code: "closed", message: "closed"))
    return read(
      Answer(status: status, headers: headers, bytes: body, cut: isLong ? .limit : isCut ? broken : nil),
      now: now)
  }
}
