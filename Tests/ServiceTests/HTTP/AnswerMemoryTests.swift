import BatchDomain
import Testing
import TransfersService

@testable import ServiceHTTP

/// Answers read one after the other: what is remembered of one must not be taken for another's.
@Suite struct AnswerMemoryTests {
  @Test func `an answer that differs in anything is read anew`() throws {
    let decoder = AnswerReader(profile: .v1, scrubber: Scrubber(key: try APIKey(testKey)))
    let key = String(testKey.prefix(12))
    let answers: [(AnswerHeaders, String, Bool)] = [
      (["Content-Type": "application/json"], #"{"message":"fine"}"#, false),
      (["Content-Type": "application/json"], #"{"message":"fine"}"#, false),
      (["Content-Type": "text/html"], #"{"message":"fine"}"#, false),
      (["Content-Type": "text/html"], #"{"message":"bad","error_code":"x"}"#, false),
      (["Content-Type": "text/plain"], key, false), (["Content-Type": "text/plain"], key, true),
      (["Content-Type": "text/plain", "Content-Encoding": "gzip"], key, true),
      (["Content-Type": "text/plain", "Content-Encoding": "identity"], key, true), ([:], "", false),
    ]
    let memory = AnswerMemory()
    for (headers, body, isCut) in answers + answers.reversed() {
      let source = AnswerReader.Source(body: Array(body.utf8), isCut: isCut, headers)
      #expect(memory.words(of: source, read: decoder.words(of:)) == decoder.words(of: source))
    }
  }

  @Test func `an answer that is the same is read once`() throws {
    let decoder = AnswerReader(profile: .v1, scrubber: Scrubber(key: try APIKey(testKey)))
    let memory = AnswerMemory()
    var reads = 0
    for _ in 1...3 {
      let source = AnswerReader.Source(body: Array("{}".utf8), isCut: false, ["Date": "\(reads)"])
      _ = memory.words(of: source) { source in
        reads += 1
        return decoder.words(of: source)
      }
    }
    #expect(reads == 1)
  }
}
