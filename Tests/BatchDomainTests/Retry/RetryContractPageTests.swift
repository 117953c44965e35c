import BatchDomain
import TestSupport
import Testing

/// Holds the page that people read against the code, both ways.
@Suite("Retry contract, as printed")
struct RetryContractPageTests {
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
