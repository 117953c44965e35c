import BatchDomain
import ServiceHTTP
import TransfersService

/// A key that looks like a real one.
let testKey = "tlk_3F7Q+9ab/XYZ-0123456789-Kk"

/// Runs a body with a client and shuts it down afterwards, whatever happens. Its idle connections stay open for as
/// long as any test could take, unless the test says otherwise.
func withClient<Value>(
  _ baseURL: String, profile: ServiceProfile = .v1, key: String = testKey,
  connectTimeout: Duration = .seconds(10), environment: [String: String] = [:],
  idleConnectionTime: Duration = .seconds(3_600), clock: TimeOutClock = TimeOutClock(),
  onHead: (@Sendable (Int) -> Void)? = nil, _ body: (HTTPTransferService) async throws -> Value
) async throws -> Value {
  let endpoint = ServiceEndpoint(
    baseURL: baseURL, key: try APIKey(key), userAgent: "orchestrate/0.0.0-test",
    connectTimeout: connectTimeout,
    route: try ServiceRoute(to: baseURL, environment: environment), idleConnectionTime: idleConnectionTime)
  let service = HTTPTransferService(endpoint, profile: profile, clock: clock, onHead: onHead)
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
func submission(_ number: Int = 17, content: String = sampleContent) -> Submission {
  Submission(chunk: ChunkNumber(number), filePart: Array(content.utf8), timeout: .seconds(60))
}

/// A chunk that is larger than all buffers between client and server.
func largeSubmission() -> Submission {
  Submission(
    chunk: ChunkNumber(17), filePart: Array(repeating: UInt8(ascii: "x"), count: 32 << 20),
    timeout: .seconds(60))
}

let sampleContent =
  #"[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/01.mp4"}]"#

extension Exchange {
  /// The answer, if one came.
  var answer: ServiceAnswer? {
    guard case .answered(let answer) = self else { return nil }
    return answer
  }

  /// The failure, if no answer came.
  var failure: TransportFailure? {
    guard case .failed(let failure) = self else { return nil }
    return failure
  }
}
