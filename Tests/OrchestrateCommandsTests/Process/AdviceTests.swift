import BatchDomain
import Reporting
import Testing

@testable import OrchestrateCommands

@Suite("Commands in advice")
struct AdviceTests {
  private let run = RunID(createdAt: Timestamp(milliseconds: 0), random: 0)

  private func remedy(_ remedy: Remedy?, database: String?) -> String? {
    CommandFailure(.badInput, code: "c", "m", remedy: remedy).document(database: database).remedy
  }

  @Test("they name the database that was given, ready for a shell; other text stays as it is")
  func database() {
    let advice: Remedy = "\(command: .history) lists the runs, \(command: .resume(run)) goes on"
    #expect(
      remedy(advice, database: "/a b.db")
        == "`orchestrate report --db '/a b.db'` lists the runs, "
        + "`orchestrate resume \(run) --db '/a b.db'` goes on")
    #expect(
      remedy(advice, database: nil)
        == "`orchestrate report` lists the runs, `orchestrate resume \(run)` goes on")
    #expect(remedy("name it with `orchestrate --db`", database: "x") == "name it with `orchestrate --db`")
    #expect(remedy(nil, database: "x") == nil)
  }

  @Test("each call of a pipe names it, before what follows the line")
  func pipe() {
    #expect(
      AdvisedCommand.submitAnew(run, [.rejected, .failed], RunSettings()).text(database: "x.db")
        == "orchestrate export \(run) --state rejected,failed --db x.db | orchestrate submit - --again --db x.db"
    )
    #expect(
      AdvisedCommand.exportToCorrect(run, [.rejected]).text(database: "x.db")
        == "orchestrate export \(run) --state rejected --db x.db > corrected.json")
  }

  @Test("a failure that names its own database does so whatever was given")
  func ownDatabase() {
    let error = StoreError(.noSuchRun, "m", remedy: "\(command: .history) lists the runs")
    let failure = CommandFailure(error, database: "job.db")
    #expect(failure.document().remedy == "`orchestrate report --db job.db` lists the runs")
    #expect(
      CommandFailure(failure).document(database: "other.db").remedy?.description.contains("job.db") == true)
  }

  @Test("errors of every part have one shape: code, sentence, advice")
  func shape() {
    let errors: [any AdvisedError] = [
      StoreError(.full, "the disk is full", remedy: "free space"),
      ConfigurationError(.badValue, "it is wrong", remedy: "correct it"),
      CommandFailure(.store, code: "output_failed", "not written", remedy: nil),
    ]
    #expect(errors.map { $0.code.rawValue } == ["full", "bad_value", "output_failed"])
    #expect(
      errors.map { $0.description } == [
        "the disk is full; free space", "it is wrong; correct it", "not written",
      ])
  }
}
