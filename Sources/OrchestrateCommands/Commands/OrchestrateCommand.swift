package import ArgumentParser
import BuildCommit
import Dispatch
import Foundation

/// The program.
package struct OrchestrateCommand: AsyncParsableCommand {
  /// Version of the program.
  package static let version = "1.0.0"

  /// The commit that it was built from.
  package static var commit: String { BuildCommit.text }

  /// What `--version` prints: the version in the first line, then what a bug report needs.
  package static var versionText: String {
    """
    orchestrate \(version)
    commit \(commit)
    SQLite \(StoreOpener.sqliteVersion)
    store format \(StoreOpener.formats.sqlite); on PostgreSQL \(StoreOpener.formats.postgres)
    """
  }

  /// Name, help and subcommands.
  package static let configuration = CommandConfiguration(
    commandName: "orchestrate",
    abstract: "Submits a manifest of videos in S3 to Twelve Labs, and records the result of each.",
    discussion: """
      With --profile v1.3, videos go to the assets and indexes of today's accounts; without it, to the cloud-to-cloud \
      transfers endpoint of the first versions.

      Every chunk and its state are on disk before a request is sent. After a crash, `orchestrate resume` continues at \
      once; lost answers are settled by asking the service. Without a subcommand, shows the state of the last run.

      EXAMPLES
        orchestrate validate videos.json
        orchestrate submit videos.json --dry-run
        orchestrate submit videos.json --rate 50/min
        orchestrate submit videos.json --profile v1.3 --rate upload:60/min --track
        orchestrate resume latest
        orchestrate report latest
      """,
    version: versionText,
    subcommands: [
      SubmitCommand.self, ResumeCommand.self, TrackCommand.self, ReportCommand.self, ListCommand.self,
      ValidateCommand.self, ExportCommand.self, DiffCommand.self,
      CancelCommand.self, SettleCommand.self, VerifyCommand.self, DoctorCommand.self, DrillCommand.self,
      DashboardCommand.self,
      BackupCommand.self, CopyCommand.self, PruneCommand.self, MigrateCommand.self, WorkerCommand.self,
      WorkersCommand.self,
      StatusCommand.self,
    ], defaultSubcommand: StatusCommand.self)

  /// A command as the argument parser makes it.
  package init() {}

  /// The arguments of this process as they came: the standard library repairs what is not UTF-8.
  private static var arguments: [[UInt8]] {
    (1..<max(1, Int(CommandLine.argc))).compactMap { place in
      CommandLine.unsafeArgv[place].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    }
  }

  /// Runs the program with the arguments of this process, and exits.
  ///
  /// Not asynchronous itself: before the first task of a process begins, its queues open files, which would get the
  /// numbers of standard descriptors that are closed.
  ///
  /// SIGPIPE is ignored: a reader that goes away is an error of one write, never the end of a run.
  package static func start() -> Never {
    StandardDescriptors.hold()
    signal(SIGPIPE, SIG_IGN)
    widenNarrowHelp()
    Task {
      do {
        await main(try ArgumentCheck.texts(arguments))
      } catch {
        exit(withError: error)
      }
      Foundation.exit(EXIT_SUCCESS)
    }
    dispatchMain()
  }

  /// The columns that help is written for at least.
  private static let leastColumns = 50

  /// Has the argument parser write help for more columns than a very narrow terminal has: where no room is left beside the
  /// names of options, it leaves out what they do, and a debug build ends.
  ///
  /// Changes the environment, so it comes before the first task.
  private static func widenNarrowHelp() {
    let named = getenv("COLUMNS").flatMap { Int(String(cString: $0)) }.flatMap { $0 > 0 ? $0 : nil }
    let found = StandardStream.output.size.map(\.columns).flatMap { $0 > 0 ? $0 : nil }
    guard let columns = named ?? found, columns < leastColumns else { return }
    setenv("COLUMNS", "\(leastColumns)", 1)
  }
}
