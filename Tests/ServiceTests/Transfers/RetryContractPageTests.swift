import BatchDomain
import TestSupport
import Testing
import TransfersService

@testable import ServiceHTTP

/// Holds the tables of outcomes that people read against the code, both ways: answers, failures without one, and where
/// the code of an answer is found.
@Suite struct RetryContractPageTests {
  private static let statuses = 100...599
  private static let waits: [Duration?] = [nil, .zero, .seconds(3)]

  private static func outcome(_ cell: String) throws -> Outcome {
    try #require(Outcome(rawValue: try ContractPage.code(cell)), "\(cell)")
  }

  private static func range(_ cell: String) throws -> ClosedRange<Int> {
    let ends = cell.split(separator: "-").compactMap { Int($0) }
    try #require((1...2).contains(ends.count) && ends[0] <= ends[ends.count - 1], "\(cell)")
    return ends[0]...ends[ends.count - 1]
  }

  /// Every answer without a code of the table.
  private static let answers: [Answer] = statuses.flatMap { status in
    waits.flatMap { wait in
      Answer.Body.allCases.flatMap { body in
        [nil, "a_code_nobody_knows"].map {
          Answer(
            status: status, code: $0, message: "never read", mediaType: "never/read", body: body, wait: wait)
        }
      }
    }
  }

  @Test("every status has the one row that the code agrees with, and every row a status")
  func statuses() throws {
    struct Row {
      var title: String
      var range: ClosedRange<Int>
      var holds: (Answer) -> Bool
      var outcome: Outcome
    }
    let success = try ContractPage.rows("status", "body", "outcome").map { cells in
      let isKnown: (Answer) -> Bool = { $0.code.flatMap(TransferOutcomes.outcome(ofCode:)) != nil }
      let isOwn: (Answer) -> Bool = { [.empty, .json].contains($0.body) }
      let kinds: [(beginning: String, holds: (Answer) -> Bool)] = [
        ("empty, or JSON without a code", { isOwn($0) && !isKnown($0) }),
        ("JSON with a code", { isOwn($0) && isKnown($0) }), ("anything else", { !isOwn($0) }),
      ]
      let kind = try #require(kinds.first { cells[1].hasPrefix($0.beginning) }, "\(cells)")
      return Row(
        title: "\(cells)", range: try Self.range(cells[0]), holds: kind.holds,
        outcome: try Self.outcome(cells[2]))
    }
    let others = try ContractPage.rows("status", "which", "outcome").map { cells in
      let holds: (Answer) -> Bool
      if cells[1].hasSuffix("and says how long to wait") {
        holds = { $0.wait != nil }
      } else if cells[1].hasSuffix("and does not") {
        holds = { $0.wait == nil }
      } else if cells[1].hasSuffix("not a page") {
        // 401 and 403 speak for themselves, whether or not the body can be read.
        let readable = try Self.outcome(cells[2]) == .content
        holds = { $0.body != .page && !(readable && $0.body == .unreadable) }
      } else if cells[1] == "a page, or a body that cannot be read" {
        holds = { $0.body == .page || $0.body == .unreadable }
      } else if cells[1] == "a page" {
        holds = { $0.body == .page }
      } else {
        holds = { _ in true }
      }
      return Row(
        title: "\(cells)", range: try Self.range(cells[0]), holds: holds, outcome: try Self.outcome(cells[2]))
    }
    let rows = success + others
    var isUsed = rows.map { _ in false }
    let known = Self.answers.filter { (200..<300).contains($0.status) }.map { answer in
      var answer = answer
      answer.code = "insufficient_funds"
      return answer
    }
    for answer in Self.answers + known {
      let matching = rows.indices.filter { rows[$0].range.contains(answer.status) && rows[$0].holds(answer) }
      try #require(matching.count == 1, "\(matching.count) rows for \(answer)")
      isUsed[matching[0]] = true
      try #require(TransferOutcomes.outcome(of: answer) == rows[matching[0]].outcome, "\(answer)")
    }
    for (row, isUsed) in zip(rows, isUsed) {
      #expect(isUsed && Self.statuses.contains(row.range.lowerBound), "\(row.title)")
      #expect(Self.statuses.contains(row.range.upperBound), "\(row.title)")
    }
  }

  @Test("every code has one row, and it comes before any status but success")
  func codes() throws {
    let rows = try ContractPage.rows("code", "outcome")
    let printed = try rows.map { try ContractPage.code($0[0]) }
    let known = [
      TransferOutcomes.accountCodes, TransferOutcomes.endpointCodes, TransferOutcomes.indexCodes,
      TransferOutcomes.throttleCodes, TransferOutcomes.unknownCodes, TransferOutcomes.contentCodes,
    ].flatMap { $0 }
    #expect(printed.sorted() == known.sorted())
    for (code, row) in zip(printed, rows) {
      let outcome = try Self.outcome(row[1])
      #expect(TransferOutcomes.outcome(ofCode: code) == outcome, "\(code)")
      for var answer in Self.answers {
        answer.code = code
        let isSuccess = (200...299).contains(answer.status)
        try #require(TransferOutcomes.outcome(of: answer) == (isSuccess ? .unknown : outcome), "\(answer)")
      }
    }
  }

  @Test("without an answer the two columns say what the code says")
  func failures() throws {
    let rows = try ContractPage.rows("failure", "which", "its end never asked for", "its end asked for")
    for row in rows {
      let code = try ContractPage.code(row[0])
      for (progress, cell) in [(TransportFailure.Progress.notWritten, row[2]), (.maybeWritten, row[3])] {
        let failure = TransportFailure(progress: progress, code: code, message: "never read")
        #expect(try TransferOutcomes.outcome(of: .failure(failure)) == Self.outcome(cell), "\(row)")
      }
    }
  }

  @Test func `every fault of the transport has one row`() throws {
    let rows = try ContractPage.rows("failure", "which", "its end never asked for", "its end asked for")
    let printed = try rows.map { try ContractPage.code($0[0]) }
    #expect(printed.sorted() == TransportFault.allCases.map(\.rawValue).sorted())
  }

  @Test func `every version has one row, and looks for the code where the row says`() throws {
    let rows = try ContractPage.rows("profile", "looked at first", "else")
    let printed = try rows.map { try ContractPage.code($0[0]) }
    #expect(
      printed.sorted() == ServiceProfile.allCases.filter { $0.steps == [.transfer] }.map(\.rawValue).sorted())
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
          try TransferOutcomes.outcome(of: answer).rawValue == ContractPage.code(row[1]), "\(name) \(code)")
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

  private func decode(_ profile: ServiceProfile, _ body: String) throws -> Answer {
    AnswerReader(profile: profile, scrubber: Scrubber(key: try APIKey(testKey)))
      .decode(status: 400, headers: [:], body: Array(body.utf8), now: HTTPDateTests.now)
  }
}
