import Reporting
import Testing

@testable import OrchestrateCommands

@Suite("Commands in advice")
struct AdviceTests {
  private func remedy(_ text: String?, database: String?) -> String? {
    CommandFailure(.badInput, code: "c", "m", remedy: text).naming(database: database).document.remedy
  }

  @Test("they name the database that was given, once, ready for a shell")
  func database() {
    #expect(
      remedy("`orchestrate report` lists the runs, `orchestrate resume x` goes on", database: "/a b.db")
        == "`orchestrate report --db '/a b.db'` lists the runs, `orchestrate resume x --db '/a b.db'` goes on"
    )
    #expect(remedy("`orchestrate report --db y`", database: "x") == "`orchestrate report --db y`")
    #expect(remedy("name it with `--db`", database: "x") == "name it with `--db`")
    #expect(remedy("`orchestrate report` lists", database: nil) == "`orchestrate report` lists")
    #expect(remedy(nil, database: "x") == nil)
  }
}
