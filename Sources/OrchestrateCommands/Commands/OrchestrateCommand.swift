package import ArgumentParser
import Foundation

/// The program.
package struct OrchestrateCommand: AsyncParsableCommand {
  /// Version of the program.
  package static let version = "0.1.0"

  /// Name, help and subcommands.
  package static let configuration = CommandConfiguration(
    commandName: "orchestrate",
    abstract: "Submits a manifest of videos to the Twelve Labs cloud-to-cloud transfers endpoint.",
    discussion: """
      Every chunk and its state is on disk before a request leaves: after a crash, `orchestrate resume` goes on \
      at once, and a lost answer is settled by asking the service. Without a subcommand it says where the last run \
      stands.

      EXAMPLES
        orchestrate validate videos.json
        orchestrate submit videos.json --dry-run
        orchestrate submit videos.json --rate 50/min
        orchestrate resume latest
        orchestrate report latest
      """,
    version: version,
    subcommands: [
      SubmitCommand.self, ResumeCommand.self, ReportCommand.self, ValidateCommand.self, ExportCommand.self,
      CancelCommand.self, SettleCommand.self, VerifyCommand.self, DoctorCommand.self, DashboardCommand.self,
      StatusCommand.self,
    ], defaultSubcommand: StatusCommand.self)

  /// A command as the argument parser makes it.
  package init() {}

  /// Runs the program with the arguments of this process, and exits.
  ///
  /// SIGPIPE is ignored: a reader that goes away is an error of one write, never the end of a run.
  package static func start() async {
    signal(SIGPIPE, SIG_IGN)
    holdStandardDescriptors()
    await main()
  }

  /// Puts the null device where a standard descriptor is closed: else the next file or socket gets its number, and
  /// results would be written into it.
  private static func holdStandardDescriptors() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
      let null = open("/dev/null", O_RDWR)
      if null != descriptor {
        dup2(null, descriptor)
        close(null)
      }
    }
  }
}
