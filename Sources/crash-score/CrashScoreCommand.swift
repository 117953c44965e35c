import ArgumentParser
import Drill
import Foundation

/// Kills the real program again and again, resumes it each time, and counts the damage.
@main
struct CrashScoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crash-score",
    abstract:
      "Kills `orchestrate` with -9 at random moments and prints what was lost and what was sent twice.",
    discussion: """
      Each run submits a manifest to a stand-in service that loses answers, answers 500 with and without taking the
      work, throttles, and lists what it took late. What was taken is read from the service's ledger, what is reported
      from `orchestrate report`; neither side is asked about the other. Ends with 0 when nothing was lost, nothing taken
      twice, every run ended, and every asset that was made beside the one in use is reported.
      """)

  @Argument(help: "Kills in all.")
  var kills = 300

  @Option(help: "The program to kill.")
  var program: String

  @Option(help: "The generation of the service: v1 or v1.3.")
  var profile = ServedProfile.v1

  @Option(help: "Seed of the moments and the faults.")
  var seed: UInt64 = 1

  @Option(help: "How late the service lists what it took, in seconds.")
  var listingLag = 0.3

  @Option(help: "Items of each manifest; 2,000 by default, 600 with v1.3, which sends one at a time.")
  var items: Int?

  @Option(help: "Kills in one run at most.")
  var killsPerRun = 25

  func run() async throws {
    var random = SeededNumbers(seed: seed)
    var score = CrashScore()
    while score.kills < kills {
      let played = try await CrashRun.play(
        program, profile: profile, items: DrillItems(count: items ?? profile.items),
        in: FileManager.default.temporaryDirectory,
        troubles: CrashRun.Troubles(
          kills: min(killsPerRun, kills - score.kills), listingLag: .milliseconds(Int(listingLag * 1_000))),
        seed: random.next())
      score.add(played.score)
      FileHandle.standardError.write(Data("\(text(score))\n".utf8))
      if let kept = played.kept { FileHandle.standardError.write(Data("kept: \(kept.path)\n".utf8)) }
    }
    FileHandle.standardOutput.write(Data("\(text(score))\n".utf8))
    if score.isDamaged { throw ExitCode(1) }
  }

  private func text(_ score: CrashScore) -> String {
    "runs \(score.runs), kills \(score.kills): lost \(score.lost), duplicated \(score.duplicated), "
      + "undecided \(score.undecided), inconsistent \(score.inconsistent)"
      + (score.unfinished == 0 ? "" : ", unfinished \(score.unfinished)")
      + (profile == .v1 ? "" : ", surplus \(score.surplus), not reported \(score.unreported)")
  }
}

extension ServedProfile: ExpressibleByArgument {}
