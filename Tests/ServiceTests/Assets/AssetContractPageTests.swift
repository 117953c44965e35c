import AssetsService
import BatchDomain
import ServiceHTTP
import TestSupport
import Testing

/// Holds the tables of profile v1.3 that people read against the code, both ways.
@Suite struct AssetContractPageTests {
  private static let steps: [ChunkStep] = [.upload, .index]

  private static func range(_ cell: String) throws -> ClosedRange<Int> {
    let ends = cell.split(separator: "-").compactMap { Int($0) }
    try #require((1...2).contains(ends.count) && ends[0] <= ends[ends.count - 1], "\(cell)")
    return ends[0]...ends[ends.count - 1]
  }

  private static func outcome(_ cell: String) throws -> Outcome {
    try #require(Outcome(rawValue: try ContractPage.code(cell)), "\(cell)")
  }

  /// What the second column says of an answer.
  private static func condition(_ cell: String) throws -> (CreationAnswer) -> Bool {
    switch cell {
    case "any": { _ in true }
    case "JSON with an id": { $0.id != nil && $0.answer.body == .json }
    case "without an id, or not JSON": { $0.id == nil || $0.answer.body != .json }
    case "readable": { $0.answer.body != .page && $0.answer.body != .unreadable }
    case "a page, or a body that cannot be read": { $0.answer.body == .page || $0.answer.body == .unreadable }
    case "not a page": { $0.answer.body != .page }
    case "a page": { $0.answer.body == .page }
    case "says how long to wait": { $0.answer.wait != nil }
    case "does not": { $0.answer.wait == nil }
    default: throw ContractPage.Failure(cell)
    }
  }

  /// Every answer without a code of the table.
  private static let answers: [CreationAnswer] = (100...599).flatMap { status in
    [nil, Duration.zero, .seconds(3)].flatMap { wait in
      Answer.Body.allCases.flatMap { body in
        [nil, "a_code_nobody_knows"].flatMap { code in
          [nil, "6298d673f1090f1100476d4c"].compactMap { id in
            // An id is read out of JSON alone.
            id != nil && body != .json
              ? nil
              : CreationAnswer(
                Answer(
                  status: status, code: code, message: "never read", mediaType: "never/read", body: body,
                  wait: wait), id: id)
          }
        }
      }
    }
  }

  @Test("every status has the one row that the code agrees with, and every row a status")
  func statuses() throws {
    let rows = try ContractPage.rows("status (v1.3)", "which", "upload", "index").map { cells in
      (
        cells: cells, range: try Self.range(cells[0]), holds: try Self.condition(cells[1]),
        outcomes: [try Self.outcome(cells[2]), try Self.outcome(cells[3])]
      )
    }
    var isUsed = rows.map { _ in false }
    for made in Self.answers {
      let matching = rows.indices.filter {
        rows[$0].range.contains(made.answer.status) && rows[$0].holds(made)
      }
      try #require(matching.count == 1, "\(matching.count) rows for \(made)")
      isUsed[matching[0]] = true
      try #require(
        Self.steps.map { AssetOutcomes.outcome(of: made, $0) } == rows[matching[0]].outcomes, "\(made)")
    }
    for (row, isUsed) in zip(rows, isUsed) { #expect(isUsed, "\(row.cells)") }
  }

  @Test("every code has one row, and it comes before any status but success")
  func codes() throws {
    let rows = try ContractPage.rows("code (v1.3)", "upload", "index")
    let printed = try rows.map { try ContractPage.code($0[0]) }
    #expect(printed.sorted() == AssetOutcomes.codes.values.flatMap { $0 }.sorted())
    for (code, row) in zip(printed, rows) {
      for (step, cell) in zip(Self.steps, row[1...]) {
        let outcome = try Self.outcome(cell)
        for var made in Self.answers {
          made.answer.code = code
          let isSuccess = (200...299).contains(made.answer.status)
          try #require(
            AssetOutcomes.outcome(of: made, step) == (isSuccess ? .unknown : outcome), "\(step) \(made)")
        }
      }
    }
  }

  @Test(arguments: ["video_codec_unheard_of", "audio_too_quiet"])
  func `a code about a video is known by how it begins`(code: String) {
    for step in Self.steps {
      let made = CreationAnswer(Answer(status: 500, code: code, body: .json))
      #expect(AssetOutcomes.outcome(of: made, step) == .content)
      #expect(AssetOutcomes.result(of: .success(made), step, wrongEndpoint: "").isAboutItem)
    }
  }

  @Test("without an answer it is decided by how far the request got")
  func failures() {
    for step in Self.steps {
      for (progress, outcome) in [
        (TransportFailure.Progress.notWritten, Outcome.notProcessed), (.maybeWritten, .unknown),
      ] {
        let failure = TransportFailure(progress: progress, code: "reset", message: "never read")
        #expect(AssetOutcomes.outcome(of: .failure(failure), step) == outcome)
      }
    }
  }
}
