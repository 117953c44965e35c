import BatchDomain
import Reporting
import Testing

@Suite("An audit in words")
struct AuditTextTests {
  private func audit(_ problems: [AuditProblem], total: Int) -> RunAudit {
    var checked = RunAudit.Checked()
    checked.items = 5_000
    return RunAudit(
      run: Samples.id("20261123"), checked: checked, problems: problems, problemsTotal: total)
  }

  @Test("a clean audit is one line")
  func clean() {
    #expect(
      AuditText.text(audit([], total: 0))
        == "run 20261123: 5,000 items, 0 chunks, 0 attempts and 0 settlements checked, no problem found\n")
  }

  @Test("what is not listed is counted, and nothing reaches the terminal raw")
  func cut() {
    let text = AuditText.text(
      audit([AuditProblem(.state, row: "chunk 1", "is \(Samples.hostile)")], total: 1_003))
    #expect(text.contains("chunk 1: is bad\\x1b[31m"))
    #expect(text.contains("and 1,002 more problems not listed\n"))
    #expect(text.hasSuffix("1,003 problems found\n"))
    #expect(text.split(separator: "\n").count == 3)
  }
}
