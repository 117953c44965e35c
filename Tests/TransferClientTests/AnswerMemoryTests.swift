import BatchDomain
import Testing
import TransferClient

/// Answers of which the same decoder reads several: what is remembered of one must not be taken for another's.
@Suite struct AnswerMemoryTests {
  private static let now = Timestamp(milliseconds: 1_795_447_345_000)

  private static func read(
    _ decoder: AnswerDecoder, _ status: Int, _ headers: AnswerHeaders, _ body: String, isCut: Bool = false
  ) -> ServiceAnswer {
    decoder.decode(status: status, headers: headers, body: Array(body.utf8), isCut: isCut, now: now)
  }

  @Test func `an answer that differs in anything is read anew`() throws {
    let scrubber = Scrubber(key: try APIKey(testKey))
    let key = String(testKey.prefix(12))
    let answers: [(Int, AnswerHeaders, String, Bool)] = [
      (200, ["Content-Type": "application/json"], #"{"message":"fine"}"#, false),
      (200, ["Content-Type": "application/json"], #"{"message":"fine"}"#, false),
      (200, ["Content-Type": "text/html"], #"{"message":"fine"}"#, false),
      (400, ["Content-Type": "text/html"], #"{"message":"fine"}"#, false),
      (400, ["Content-Type": "text/html"], #"{"message":"bad","error_code":"x"}"#, false),
      (400, ["Content-Type": "text/plain"], key, false), (400, ["Content-Type": "text/plain"], key, true),
      (400, ["Content-Type": "text/plain", "Content-Encoding": "gzip"], key, true),
      (429, ["Retry-After": "7"], "slow", false), (429, ["Retry-After": "8"], "slow", false),
      (429, [:], "slow", false),
    ]
    let decoder = AnswerDecoder(profile: .v1, scrubber: scrubber)
    for (status, headers, body, isCut) in answers + answers.reversed() {
      let fresh = AnswerDecoder(profile: .v1, scrubber: scrubber)
      #expect(
        Self.read(decoder, status, headers, body, isCut: isCut)
          == Self.read(fresh, status, headers, body, isCut: isCut))
    }
  }
}
