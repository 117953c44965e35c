import BatchDomain
import Testing

@Suite struct FindingTests {
  static func finding(_ code: Finding.Code, line: Int) -> Finding {
    Finding(code: code, line: line, column: 1, item: nil, message: "m")
  }

  @Test func remedyNamesTheFileInItsFirstCommand() {
    #expect(Finding.Remedy("Do it").text(file: "x") == "Do it.")
    let pipeline = Finding.Remedy("Do it", commands: ["gzip -dc", "b"], output: "c.jsonl")
    #expect(pipeline.text(file: "'x y'") == "Do it: `gzip -dc < 'x y' | b > c.jsonl`.")
    let named = Finding.Remedy("Do it", commands: ["unzip -p"], takesName: true, output: "c.json")
    #expect(named.text(file: "a/c.json") == "Do it: `unzip -p a/c.json > new-c.json`.")
  }

  @Test func messagesAreCut() {
    func message(_ length: Int) -> String {
      Finding(code: .notJSON, line: 1, column: 1, item: nil, message: String(repeating: "é", count: length))
        .message
    }
    #expect(message(200) == String(repeating: "é", count: 200))
    #expect(message(201) == String(repeating: "é", count: 199) + "…")
  }

  @Test func fatalFindingsDisplaceWarningsAndOrderIsTheFiles() {
    var log = FindingLog()
    for line in 1...25 { log.record(FindingTests.finding(.unknownField, line: line)) }
    log.record(FindingTests.finding(.notAnObject, line: 30))
    log.record(FindingTests.finding(.missingField, line: 3))
    #expect(log.kept.count == 20)
    #expect(log.kept.map { $0.line ?? 0 } == Array(1...3) + [3] + Array(4...18) + [30])
    #expect(log.total == 27)
    #expect(log.fatalCount == 2)
    #expect(log.warningCount == 25)
    #expect(log.unkeptCount == 7)
    #expect(log.hasFatal)
  }

  @Test func earlierPlacesDisplaceLaterOnesOfTheSameWeight() {
    var log = FindingLog()
    for line in 101...130 { log.record(FindingTests.finding(.notAnObject, line: line)) }
    #expect(!log.mightKeep(.fatal, line: 200, column: 1))
    #expect(!log.mightKeep(.warning, line: 1, column: 1))
    #expect(log.mightKeep(.fatal, line: 50, column: 1))
    log.record(FindingTests.finding(.conflictingItem, line: 50))
    log.count(.warning)
    #expect(log.kept.first?.code == .conflictingItem)
    #expect(log.kept.last?.line == 119)
    #expect(log.total == 32)
  }

  @Test func codesAreUniqueAndSnakeCase() {
    let codes = Finding.Code.allCases.map(\.rawValue)
    #expect(Set(codes).count == codes.count)
    #expect(codes.allSatisfy { $0.allSatisfy { $0 == "_" || ($0.isLowercase && $0.isASCII) || $0.isNumber } })
  }
}
