import ArgumentParser
import Foundation
import TransferSimulator

/// Kills the real program again and again, resumes it each time, and counts the damage.
@main
struct CrashScore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crash-score",
    abstract:
      "Kills `orchestrate` with -9 at random moments and prints what was lost and what was sent twice.",
    discussion: """
      Each run submits a manifest to a stand-in service that loses answers, answers 500 with and without taking the
      work, throttles, and lists what it took late. What was taken is read from the service's ledger, what is reported
      from `orchestrate report`; neither side is asked about the other. Ends with 0 when nothing was lost, nothing taken
      twice, and every asset that was made beside the one in use is reported.
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

  /// What was counted.
  struct Score {
    let profile: ServedProfile
    var runs = 0
    var kills = 0
    /// Items that are reported as accepted and were not taken, or not under the reported id, or are in no state at all.
    var lost = 0
    /// Items that the service took more than once.
    var duplicated = 0
    /// Items that are held as unknown at the end.
    var undecided = 0
    /// Usable assets beside the one in use, with profile v1.3.
    var surplus = 0
    /// Those that the report does not name.
    var unreported = 0
    /// Runs whose records contradict themselves, as `orchestrate verify` sees them.
    var inconsistent = 0

    var text: String {
      "runs \(runs), kills \(kills): lost \(lost), duplicated \(duplicated), undecided \(undecided), "
        + "inconsistent \(inconsistent)"
        + (profile == .v1 ? "" : ", surplus \(surplus), not reported \(unreported)")
    }
  }

  func run() async throws {
    var random = SeededNumbers(state: seed)
    var score = Score(profile: profile)
    while score.kills < kills {
      let run = try await CrashRun(
        program: program, profile: profile, items: items ?? profile.items,
        listingLag: .milliseconds(Int(listingLag * 1_000)), seed: random.next())
      let wanted = min(killsPerRun, kills - score.kills)
      try await run.play(kills: wanted, random: &random, into: &score)
      score.runs += 1
      FileHandle.standardError.write(Data("\(score.text)\n".utf8))
    }
    FileHandle.standardOutput.write(Data("\(score.text)\n".utf8))
    if score.lost + score.duplicated + score.inconsistent + score.unreported > 0 { throw ExitCode(1) }
  }
}

/// Numbers that are the same for the same seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
