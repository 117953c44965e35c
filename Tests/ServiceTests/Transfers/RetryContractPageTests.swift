import BatchDomain
import TestSupport
import Testing

@testable import ServiceHTTP

/// The parts of the printed retry contract that this target decides: failures without an answer, and where an
/// answer's code is found.
@Suite struct RetryContractPageTests {
  @Test func `every fault of the transport has one row`() throws {
    let rows = try ContractPage.rows("failure", "which", "its end never asked for", "its end asked for")
    let printed = try rows.map { try ContractPage.code($0[0]) }
    #expect(printed.sorted() == TransportFault.allCases.map(\.rawValue).sorted())
  }

  @Test func `every version has one row, and looks for the code where the row says`() throws {
    let rows = try ContractPage.rows("profile", "looked at first", "else")
    let printed = try rows.map { try ContractPage.code($0[0]) }
    #expect(printed.sorted() == ServiceProfile.allCases.map(\.rawValue).sorted())
    for row in rows {
      let profile = try #require(ServiceProfile(rawValue: try ContractPage.code(row[0])))
      let (first, second) = (try ContractPage.code(row[1]), try ContractPage.code(row[2]))
      #expect(Set([first, second]) == ["code", "error_code"])
      #expect(try decode(profile, #"{"\#(second)":"b","\#(first)":"a"}"#).code == "a")
      #expect(try decode(profile, #"{"\#(second)":"b"}"#).code == "b")
    }
  }

  @Test(arguments: ServiceProfile.allCases)
  func `every code means the same in every version, under either name`(profile: ServiceProfile) throws {
    for row in try ContractPage.rows("code", "outcome") {
      let code = try ContractPage.code(row[0])
      for name in ["code", "error_code"] {
        let answer = try decode(profile, #"{"\#(name)":"\#(code)","message":"m"}"#)
        #expect(
          try RetryContract.outcome(of: answer).rawValue == ContractPage.code(row[1]), "\(name) \(code)")
      }
    }
  }

  @Test func `every example of a wait is read as its row says`() throws {
    for row in try ContractPage.rows("header", "value", "wait") {
      var headers: AnswerHeaders = ["Date": "Mon, 23 Nov 2026 15:00:00 GMT"]
      headers.add(try ContractPage.code(row[0]), try ContractPage.code(row[1]))
      // The clock of the machine is wrong, which is no matter.
      let wait = RequestedWait(headers, status: 429, now: Timestamp(milliseconds: 1_000)).wait
      let words = wait.map { wait in
        let milliseconds = wait.millisecondsRoundedUp
        let rest = milliseconds % 1_000 == 0 ? "" : ".\(milliseconds % 1_000 / 100)"
        return "\(milliseconds / 1_000)\(rest) s"
      }
      #expect(row[2] == words ?? "none", "\(row)")
    }
  }

  private func decode(_ profile: ServiceProfile, _ body: String) throws -> ServiceAnswer {
    AnswerDecoder(profile: profile, scrubber: Scrubber(key: try APIKey(testKey)))
      .decode(status: 400, headers: [:], body: Array(body.utf8), now: HTTPDateTests.now)
  }
}
