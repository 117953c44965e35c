import BatchDomain
import ServiceHTTP
import Testing
import TransfersService

@Suite("Table of outcomes")
struct TransferOutcomesTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let status: Int
    var code: String?
    var mediaType: String?
    var body = Answer.Body.empty
    var wait: Duration?
    let outcome: Outcome
    var testDescription: String { "\(status) \(code ?? "-") \(body) -> \(outcome)" }
  }

  static let rows: [Row] =
    [
      Row(status: 200, outcome: .accepted), Row(status: 201, outcome: .accepted),
      Row(status: 202, outcome: .accepted), Row(status: 204, outcome: .accepted),
      Row(status: 200, mediaType: "application/octet-stream", outcome: .accepted),
      Row(status: 200, mediaType: "text/html", outcome: .unknown),
      Row(status: 200, body: .json, outcome: .accepted),
      Row(status: 200, code: "a_code_nobody_knows", body: .json, outcome: .accepted),
      // What is neither empty nor JSON is not the service's word, and some gateways answer errors with 200.
      Row(status: 200, body: .page, outcome: .unknown), Row(status: 200, body: .other, outcome: .unknown),
      Row(status: 200, body: .unreadable, outcome: .unknown),
      Row(status: 200, code: "parameter_invalid", body: .json, outcome: .unknown),
      Row(status: 201, code: "usage_limit_exceeded", body: .json, outcome: .unknown),
      Row(status: 200, code: "too_many_requests", body: .json, outcome: .unknown),
      // A page is somebody's on the way; a proxy's demand is, too. What they say of time holds all the same.
      Row(status: 400, body: .page, outcome: .endpoint), Row(status: 422, body: .page, outcome: .endpoint),
      Row(status: 401, body: .page, outcome: .endpoint), Row(status: 403, body: .page, outcome: .endpoint),
      Row(status: 404, body: .page, outcome: .endpoint), Row(status: 407, outcome: .endpoint),
      Row(status: 407, body: .json, outcome: .endpoint), Row(status: 429, body: .page, outcome: .throttled),
      Row(status: 408, body: .page, outcome: .unknown), Row(status: 500, body: .page, outcome: .unknown),
      Row(status: 502, body: .page, outcome: .unknown), Row(status: 503, body: .page, outcome: .unknown),
      Row(status: 503, body: .page, wait: .seconds(3), outcome: .throttled),
      Row(status: 413, body: .page, outcome: .content),
      Row(status: 400, body: .unreadable, outcome: .endpoint),
      Row(status: 400, body: .other, outcome: .content),
      Row(status: 401, outcome: .account), Row(status: 403, outcome: .account),
      Row(status: 401, code: "api_key_invalid", outcome: .account),
      Row(status: 400, code: "insufficient_funds", outcome: .account),
      Row(status: 400, code: "usage_limit_exceeded", outcome: .account),
      Row(status: 400, code: "api_not_allowed", outcome: .account),
      Row(status: 400, code: "api_allowed_for_paid_plan", outcome: .account),
      Row(status: 400, code: "region_not_allowed", outcome: .account),
      Row(status: 400, code: "unauthorized", outcome: .account),
      Row(status: 400, code: "api_upgrade_required", outcome: .endpoint),
      Row(status: 301, outcome: .endpoint), Row(status: 307, outcome: .endpoint),
      Row(status: 402, outcome: .endpoint), Row(status: 404, outcome: .endpoint),
      Row(status: 405, outcome: .endpoint), Row(status: 410, outcome: .endpoint),
      Row(status: 415, outcome: .endpoint), Row(status: 426, outcome: .endpoint),
      Row(status: 404, code: "resource_not_exist", outcome: .index),
      Row(status: 400, code: "resource_not_exist", outcome: .index),
      Row(status: 404, code: "parameter_invalid", outcome: .content),
      Row(status: 429, outcome: .throttled), Row(status: 429, wait: .seconds(3), outcome: .throttled),
      Row(status: 400, code: "too_many_requests", outcome: .throttled),
      Row(status: 503, wait: .seconds(3), outcome: .throttled), Row(status: 503, outcome: .unknown),
      Row(status: 500, outcome: .unknown), Row(status: 502, mediaType: "text/html", outcome: .unknown),
      Row(status: 504, outcome: .unknown), Row(status: 408, outcome: .unknown),
      Row(status: 425, outcome: .unknown),
      Row(status: 400, code: "request_canceled_or_timed_out", outcome: .unknown),
      Row(status: 400, outcome: .content), Row(status: 400, code: "parameter_invalid", outcome: .content),
      Row(status: 413, outcome: .content), Row(status: 422, outcome: .content),
      Row(status: 400, code: "a_code_nobody_knows", outcome: .content),
      Row(status: 500, code: "a_code_nobody_knows", outcome: .unknown),
      // A code comes before the status, whatever that is.
      Row(status: 503, code: "api_key_invalid", wait: .seconds(3), outcome: .account),
      Row(status: 429, code: "insufficient_funds", wait: .seconds(3), outcome: .account),
      Row(status: 500, code: "parameter_invalid", outcome: .content),
      Row(status: 302, code: "resource_not_exist", outcome: .index),
      Row(status: 401, code: "request_canceled_or_timed_out", outcome: .unknown),
      Row(status: 502, code: "too_many_requests", outcome: .throttled),
      Row(status: 413, code: "api_upgrade_required", outcome: .endpoint),
    ]
    + [
      "parameter_not_provided", "parameter_unknown", "tags_not_allowed", "video_resolution_too_low",
      "video_resolution_too_high", "video_resolution_invalid_aspect_ratio", "video_duration_too_short",
      "video_duration_too_long", "video_file_broken", "video_filesize_too_large", "unsupported_file_type",
      "audio_file_broken",
    ].map { Row(status: 400, code: $0, outcome: .content) }
    + [406, 409, 411, 412, 414, 416, 417, 421, 424, 428, 431, 451, 499].map {
      Row(status: $0, outcome: .content)
    }
    + [100, 199, 501, 505, 507, 599].map { Row(status: $0, outcome: .unknown) }
    + [300, 302, 303, 304, 308, 399].map { Row(status: $0, outcome: .endpoint) }

  @Test("an answer is judged by its code first and its status second", arguments: rows)
  func answers(row: Row) {
    let answer = Answer(
      status: row.status, code: row.code, message: "never read", mediaType: row.mediaType,
      body: row.body, wait: row.wait)
    #expect(TransferOutcomes.outcome(of: .success(answer)) == row.outcome)
  }

  @Test("a page that calls a single item too large refuses nothing")
  func tooLarge() {
    let page = Result<Answer, TransportFailure>.success(Answer(status: 413, body: .page))
    #expect(TransferOutcomes.outcome(of: page, items: 2) == .content)
    #expect(TransferOutcomes.outcome(of: page, items: 1) == .endpoint)
    let own = Result<Answer, TransportFailure>.success(Answer(status: 413, body: .json))
    #expect(TransferOutcomes.outcome(of: own, items: 1) == .content)
  }

  @Test("what only a person can put right pauses the run, whatever becomes of the chunk")
  func personFaults() {
    func pause(_ code: String, _ progress: TransportFailure.Progress = .notWritten) -> PauseReason? {
      TransferOutcomes.pause(after: .failure(TransportFailure(progress: progress, code: code, message: "")))
    }
    #expect(pause("proxy_unauthorized") == .endpoint)
    for kind in ["", "_expired", "_not_yet_valid", "_host"] {
      #expect(pause("certificate\(kind)") == .endpoint)
    }
    for code in ["dns", "connect_refused", "timeout", "tls", "open_files"] { #expect(pause(code) == nil) }
    func pause(_ status: Int, _ code: String?) -> PauseReason? {
      TransferOutcomes.pause(after: .success(Answer(status: status, code: code, body: .json)))
    }
    #expect(pause(200, "usage_limit_exceeded") == .account)
    #expect(pause(200, "api_upgrade_required") == .endpoint)
    #expect(pause(200, "too_many_requests") == nil)
    #expect(pause(200, nil) == nil)
    #expect(pause(500, "a_code_nobody_knows") == nil)
  }

  @Test("a request may arrive after a time-out and after what a gateway gave up, and after nothing else")
  func mayArriveLater() {
    for status in [408, 502, 503, 504, 520, 522, 524, 599] {
      #expect(TransferOutcomes.mayArriveLater(status: status, code: nil), "\(status)")
    }
    for status in [200, 400, 429, 500, 501, 505] {
      #expect(!TransferOutcomes.mayArriveLater(status: status, code: nil), "\(status)")
    }
    #expect(TransferOutcomes.mayArriveLater(status: 400, code: "request_canceled_or_timed_out"))
    #expect(TransferOutcomes.mayArriveLater(status: nil, code: "timeout"))
    for code in ["reset", "closed", "cancelled", "protocol", "owner_died", nil] {
      #expect(!TransferOutcomes.mayArriveLater(status: nil, code: code), "\(code ?? "-")")
    }
  }

  @Test("a failed exchange is unknown unless the request provably was not written")
  func failures() {
    let early = TransportFailure(progress: .notWritten, code: "connect_refused", message: "")
    let late = TransportFailure(progress: .maybeWritten, code: "timeout", message: "")
    #expect(TransferOutcomes.outcome(of: .failure(early)) == .notProcessed)
    #expect(TransferOutcomes.outcome(of: .failure(late)) == .unknown)
  }
}
