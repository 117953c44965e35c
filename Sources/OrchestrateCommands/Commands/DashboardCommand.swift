import ArgumentParser
import BatchDomain
import ChildProcesses
import Dashboard
import Foundation
import Reporting

/// `orchestrate dashboard`: the views of the report, live, for a browser on this machine.
struct DashboardCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "dashboard", abstract: "Show runs live in a browser on this machine.",
    discussion: """
      Listens on 127.0.0.1 only. With --allow-actions, pages have buttons to pause, resume and cancel runs. The first \
      signal stops the dashboard; runs are not affected.

      EXAMPLES
        orchestrate dashboard
        orchestrate dashboard --port 9000 --allow-actions
        orchestrate dashboard --webhook-secret-file webhook-secret
      """)

  @Option(
    help: ArgumentHelp("Port on 127.0.0.1; 0 takes a free one. Default: 8420.", valueName: "n"),
    transform: { try WholeNumberText.parse($0, for: "--port", in: 0...65_535) })
  var port: Int = 8_420

  @Flag(name: .customLong("allow-actions"), help: "Also show buttons to pause, resume and cancel runs.")
  var allowActions = false

  @Option(
    name: .customLong("webhook-secret-file"),
    help: ArgumentHelp(
      "File with the secret of the service's webhook: POST /webhook then makes `track --wait` look sooner.",
      valueName: "file"))
  var webhookSecretFile: String?

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let path = try storeOptions.existing(in: context)
    let signals = await StopSignals(in: context)
    let site = try await site(of: path, in: context)
    let server: DashboardServer
    let limit = OpenFileLimit.raised(for: DashboardServer.connectionLimit)
    do {
      server = try await DashboardServer.start(
        port: port, site: site,
        connections: max(1, limit.connections(of: DashboardServer.connectionLimit)))
    } catch let error as DashboardServer.BindError {
      throw CommandFailure(
        .badInput, code: "port_unavailable", "\(error)",
        remedy: "name another port with --port; 0 takes a free one")
    }
    context.note("dashboard at \(server.address)")
    for await _ in signals.stops { break }
    await server.stop()
    return .done
  }

  private func site(of path: String, in context: ProcessContext) async throws -> DashboardSite {
    guard allowActions || webhookSecretFile != nil else {
      return DashboardSite(
        store: try await StoreOpener.openForReading(path, in: context), clock: context.clock,
        zone: context.zone,
        database: storeOptions.path, random: context.random)
    }
    var secret: String?
    if let webhookSecretFile {
      secret = try await KeyFile(
        path: try context.path(webhookSecretFile), what: "the secret of the webhook",
        code: "secret_unreadable"
      ).word()
    }
    let store = try await StoreOpener.open(path, in: context)
    let context = context.on(store.clock)
    let launcher = ProgramLauncher(
      database: try StoreOpener.withoutLinks(path), environment: context.environment)
    return DashboardSite(
      store: store, clock: context.clock, zone: context.zone, database: storeOptions.path,
      actions: allowActions ? DashboardSite.Actions(launcher: launcher, random: context.random) : nil,
      webhooks: secret.map { WebhookReceiver(secret: $0, tracking: store, clock: context.clock) },
      random: context.random)
  }
}

/// Starts this program again to work on a run, in a session of its own: it lives on when the dashboard ends.
///
/// The key is in the environment that is handed on, never among the arguments.
struct ProgramLauncher: RunLauncher {
  /// Path of the database.
  let database: String
  /// Environment of the new process.
  let environment: [String: String]

  func resume(_ run: RunID) async throws { try await start(["resume", run.rawValue]) }

  func cancel(_ run: RunID) async throws { try await start(["cancel", run.rawValue]) }

  private func start(_ arguments: [String]) async throws {
    guard let program = Bundle.main.executablePath else { throw failure("its own file is not known") }
    let words = [program] + arguments + ["--db", database, "--progress", "never"]
    do {
      // Its results are in the store; what goes wrong is said where the dashboard's own messages are.
      try await ChildProgram(words, environment: environment).startDetached()
    } catch let error as ChildNotStarted {
      throw failure(error.reason)
    }
  }

  private func failure(_ reason: String) -> CommandFailure {
    CommandFailure(
      .bug, code: "start_failed", "failed to start another process: \(reason)",
      remedy: "run the command in a terminal")
  }
}
