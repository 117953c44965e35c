import BatchDomain
import TestSupport
import Testing

/// Holds the page that people read against the code, both ways.
@Suite("Retry contract, as printed")
struct RetryContractPageTests {
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
  private static let answers: [ServiceAnswer] = statuses.flatMap { status in
    waits.flatMap { wait in
      ServiceAnswer.Body.allCases.flatMap { body in
        [nil, "a_code_nobody_knows"].map {
          ServiceAnswer(
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
      var holds: (ServiceAnswer) -> Bool
      var outcome: Outcome
    }
    let success = try ContractPage.rows("status", "body", "outcome").map { cells in
      let isKnown: (ServiceAnswer) -> Bool = { $0.code.flatMap(RetryContract.outcome(ofCode:)) != nil }
      let isOwn: (ServiceAnswer) -> Bool = { [.empty, .json].contains($0.body) }
      let kinds: [(beginning: String, holds: (ServiceAnswer) -> Bool)] = [
        ("empty, or JSON without a code", { isOwn($0) && !isKnown($0) }),
        ("JSON with a code", { isOwn($0) && isKnown($0) }), ("anything else", { !isOwn($0) }),
      ]
      let kind = try #require(kinds.first { cells[1].hasPrefix($0.beginning) }, "\(cells)")
      return Row(
        title: "\(cells)", range: try Self.range(cells[0]), holds: kind.holds,
        outcome: try Self.outcome(cells[2]))
    }
    let others = try ContractPage.rows("status", "which", "outcome").map { cells in
      let holds: (ServiceAnswer) -> Bool
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
      try #require(RetryContract.outcome(of: answer) == rows[matching[0]].outcome, "\(answer)")
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
      RetryContract.accountCodes, RetryContract.endpointCodes, RetryContract.indexCodes,
      RetryContract.throttleCodes, RetryContract.unknownCodes, RetryContract.contentCodes,
    ].flatMap { $0 }
    #expect(printed.sorted() == known.sorted())
    for (code, row) in zip(printed, rows) {
      let outcome = try Self.outcome(row[1])
      #expect(RetryContract.outcome(ofCode: code) == outcome, "\(code)")
      for var answer in Self.answers {
        answer.code = code
        let isSuccess = (200...299).contains(answer.status)
        try #require(RetryContract.outcome(of: answer) == (isSuccess ? .unknown : outcome), "\(answer)")
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
        #expect(try RetryContract.outcome(of: .failed(failure)) == Self.outcome(cell), "\(row)")
      }
    }
  }

  /// What stands under "while".
  private static let conditions: [String: @Sendable (AttemptCircumstances) -> Bool] = [
    "always": { _ in true },
    "every chunk left to decide has that index": { $0.isSoleIndexLeft },
    "other indexes are left": { !$0.isSoleIndexLeft },
    "nothing got through since it began": { !$0.othersGetThrough },
    "others got through, attempts are left": {
      $0.othersGetThrough && $0.countedAttempts + 1 < $0.maxAttempts
    },
    "others got through, its last attempt": {
      $0.othersGetThrough && $0.countedAttempts + 1 >= $0.maxAttempts
    },
    "attempts are left": { $0.countedAttempts + 1 < $0.maxAttempts },
    "its last attempt": { $0.countedAttempts + 1 >= $0.maxAttempts },
  ]

  private static let circumstances: [AttemptCircumstances] = [0, 6, 7, 8].flatMap { counted in
    [true, false].flatMap { others in
      [true, false].map {
        AttemptCircumstances(
          countedAttempts: counted, maxAttempts: 8, othersGetThrough: others, isSoleIndexLeft: $0)
      }
    }
  }

  /// Finds the one row whose first cell and condition fit, for every subject and all circumstances; every row fits.
  private static func match(
    _ rows: [[String]], _ subjects: [(cell: String, judge: (AttemptCircumstances) -> Judgement)],
    _ check: (Judgement, [String]) throws -> Void
  ) throws {
    var used: Set<Int> = []
    for subject in subjects {
      for circumstances in circumstances {
        let matching = try rows.indices.filter {
          let holds = try #require(conditions[rows[$0][1]], "\(rows[$0])")
          return rows[$0][0] == subject.cell && holds(circumstances)
        }
        try #require(matching.count == 1, "\(matching.count) rows for \(subject.cell), \(circumstances)")
        used.formUnion(matching)
        try check(subject.judge(circumstances), rows[matching[0]])
      }
    }
    #expect(used == Set(rows.indices), "a row fits nothing")
  }

  @Test("every outcome does to chunk and run what its row says")
  func effects() throws {
    let rows = try ContractPage.rows("outcome", "while", "chunk", "run", "counted")
    let subjects = Outcome.allCases.map { outcome in
      ("`\(outcome.rawValue)`", { RetryContract.judge(outcome, $0) })
    }
    try Self.match(rows, subjects) { judgement, row throws in
      #expect(
        try ChunkState.submitting.after(judgement.event).rawValue == ContractPage.code(row[2]), "\(row)")
      let pause = row[3].hasPrefix("paused: ") ? try ContractPage.code(row[3]) : nil
      #expect(judgement.pause?.rawValue == pause && (pause != nil || row[3].hasPrefix("goes on")), "\(row)")
      #expect(
        judgement.isCounted == (row[4] == "yes") && ["yes", "no", "not yet"].contains(row[4]), "\(row)")
    }
  }

  @Test("an unknown that the service does not have becomes what its row says")
  func settledEffects() throws {
    let rows = try ContractPage.rows("its attempt", "while", "chunk", "counted")
    let subjects = [
      ("had an answer with a status, while others got through", true),
      ("had no answer, or nothing got through beside it", false),
    ].map { cell, isOwnFault in
      (cell, { RetryContract.judgeNotReceived(isChunksOwnFault: isOwnFault, $0) })
    }
    try Self.match(rows, subjects) { judgement, row throws in
      #expect(try ChunkState.unknown.after(judgement.event).rawValue == ContractPage.code(row[2]), "\(row)")
      #expect(judgement.isCounted == (row[3] == "yes") && ["yes", "no"].contains(row[3]), "\(row)")
    }
  }
}
