import AssetsService
import BatchDomain
import ServiceHTTP
import Testing

/// What the dispatcher is told about an answer, beyond the outcome that the contract page shows.
@Suite struct AssetOutcomesTests {
  private func result(_ made: CreationAnswer, _ step: ChunkStep = .upload) -> SubmissionResult {
    AssetOutcomes.result(of: .success(made), step, wrongEndpoint: "WRONG")
  }

  @Test func `what was made is known by its id, and polled until it is ready`() {
    let made = result(
      CreationAnswer(Answer(status: 201, body: .json), id: "a1", status: "processing"))
    #expect(made.outcome == .accepted)
    #expect(made.externalID == "a1")
    #expect(!made.isDone)
    #expect(made.mediaLength == nil)
  }

  @Test func `an answer that says ready at once is done, with the length of the video`() {
    let made = result(
      CreationAnswer(Answer(status: 200, body: .json), id: "a1", status: "ready", duration: .seconds(61)))
    #expect(made.isDone)
    #expect(made.mediaLength == .seconds(61))
  }

  @Test func `an indexed asset is done when it is accepted`() {
    let made = result(CreationAnswer(Answer(status: 202, body: .json), id: "x1"), .index)
    #expect(made.outcome == .accepted)
    #expect(made.isDone)
    #expect(made.externalID == "x1")
  }

  @Test func `a refusal with another code than a video's may be about every item`() {
    for (code, isAboutItem) in [
      ("parameter_invalid", false), ("video_file_broken", true), ("unsupported_file_type", true),
      ("audio_file_broken", true), ("a_code_nobody_knows", false), (nil, false),
    ] {
      let refused = result(CreationAnswer(Answer(status: 400, code: code, body: .json)))
      #expect(refused.outcome == .content)
      #expect(refused.isAboutItem == isAboutItem, "\(code ?? "-")")
      #expect(refused.externalID == nil)
    }
  }

  @Test func `an endpoint that answers wrongly is named, a page of somebody else is not`() {
    let own = result(CreationAnswer(Answer(status: 404, code: "not_found", body: .json)))
    #expect(own.pauseText == "WRONG: HTTP 404 not_found")
    let foreign = result(CreationAnswer(Answer(status: 404, message: "a page", body: .page)))
    #expect(foreign.pauseText == foreign.text)
  }

  @Test func `a fault of the account in a success pauses the run and leaves the chunk unknown`() {
    let odd = result(CreationAnswer(Answer(status: 200, code: "insufficient_funds", body: .json), id: "a1"))
    #expect(odd.outcome == .unknown)
    #expect(odd.pause == .account)
    #expect(odd.externalID == nil)
  }

  @Test func `what only a person can put right pauses the run`() {
    let failure = TransportFailure(progress: .notWritten, code: "certificate_expired", message: "m")
    let result = AssetOutcomes.result(of: .failure(failure), .upload, wrongEndpoint: "")
    #expect(result.outcome == .notProcessed)
    #expect(result.pause == .endpoint)
  }

  @Test func `a success brings a wait only when its limit is used up`() {
    let half = Answer(status: 201, body: .json, wait: .seconds(5))
    #expect(result(CreationAnswer(half, id: "a1", status: "processing")).wait == nil)
    let full = Answer(status: 201, body: .json, wait: .seconds(5), quotaUsedUp: true)
    #expect(result(CreationAnswer(full, id: "a1", status: "processing")).wait == .seconds(5))
    #expect(result(CreationAnswer(Answer(status: 429, wait: .seconds(7)))).wait == .seconds(7))
  }

  @Test func `a request that a gateway may hold is told from one that is over`() {
    for status in [408, 502, 503, 504, 524] {
      #expect(AssetOutcomes.mayArriveLater(status: status, code: nil), "\(status)")
    }
    #expect(AssetOutcomes.mayArriveLater(status: nil, code: "timeout"))
    #expect(AssetOutcomes.mayArriveLater(status: 400, code: "request_canceled_or_timed_out"))
    #expect(!AssetOutcomes.mayArriveLater(status: 500, code: nil))
    #expect(!AssetOutcomes.mayArriveLater(status: nil, code: "reset"))
  }
}
