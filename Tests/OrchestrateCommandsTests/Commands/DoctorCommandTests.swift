import BatchDomain
import Foundation
import ServiceHTTP
import TestSupport
import Testing
import TransfersService

@testable import OrchestrateCommands

@Suite("doctor")
struct DoctorCommandTests {
  @Test("without a key the service is not asked, nothing is made, and the status is 1")
  func noKey() async throws {
    let stage = try CommandStage()
    #expect(try await stage.run(DoctorCommand.self, "--format", "json") == .lost)
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(stage.output.written.utf8)) as? [String: Any])
    #expect(Set(document.keys) == ["checks"])
    let checks = try #require(document["checks"] as? [[String: Any]])
    #expect(
      checks.compactMap { $0["check"] as? String }
        == HealthCheck.Subject.allCases.filter { $0 != .credentials }.map(\.rawValue))
    #expect(checks.allSatisfy { Set($0.keys) == ["check", "status", "message", "remedy"] })
    let states = checks.compactMap { $0["status"] as? String }
    #expect(states == ["problem", "skipped", "ok", "skipped", "skipped", "skipped", "ok", "skipped", "ok"])
    #expect((checks[0]["remedy"] as? String)?.contains("TWELVELABS_API_KEY") == true)
    #expect(!FileManager.default.fileExists(atPath: stage.database))
  }

  @Test("a key that cannot be read is a problem, never shown")
  func badKey() async throws {
    let stage = try CommandStage()
    let file = try stage.folder.write("two words of a secret", to: "key")
    #expect(try await stage.run(DoctorCommand.self, "--api-key-file", file) == .lost)
    #expect(stage.output.written.hasPrefix("problem  key"))
    #expect(stage.output.written.hasSuffix("1 problem found\n"))
    #expect(!stage.output.written.contains("secret"))
  }

  static let answers: [(failure: ListingFailure?, status: HealthCheck.Status, says: String)] = [
    (nil, .ok, "takes the key"),
    (.refused(Answer(status: 401, code: "api_key_invalid")), .problem, "api_key_invalid"),
    (.refused(Answer(status: 400, code: "insufficient_funds")), .problem, "account"),
    (.refused(Answer(status: 404)), .problem, "profile v1"),
    (.refused(Answer(status: 302)), .problem, "profile v1"),
    (.refused(Answer(status: 500)), .problem, "error of its own"),
    (.refused(Answer(status: 200, mediaType: "text/html")), .problem, "not a list of tasks"),
    (.refused(Answer(status: 200, code: "listing_unreadable")), .problem, "not a list of tasks"),
    (.refused(Answer(status: 429)), .ok, "later"),
    (.refused(Answer(status: 400, code: "parameter_not_provided")), .ok, "did not refuse"),
    (
      .transport(
        TransportFailure(progress: .notWritten, code: "connect_refused", message: "connection refused")),
      .problem, "does not answer"
    ),
  ]

  @Test("what the service answered is put into words", arguments: answers.indices)
  func service(row: Int) async {
    let answer = Self.answers[row]
    let service = TransfersService(Listing(failure: answer.failure), profile: .v1, destination: "")
    let check = ServiceHealth.check(await service.probe(), baseURL: "https://api.example", profile: .v1)
    #expect(check.status == answer.status, "\(check)")
    #expect(check.message.contains(answer.says), "\(check)")
    #expect(check.message.contains("https://api.example"))
    #expect((check.remedy != nil) == (check.status == .problem))
  }
}

/// A service of which only the list of tasks is asked for.
private struct Listing: TransfersAPI {
  let failure: ListingFailure?
  let pageLimit = 1

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> { .success(Answer(status: 500)) }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> [TaskRow] {
    if let failure { throw failure }
    return []
  }
}
