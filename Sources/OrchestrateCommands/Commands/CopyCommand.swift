import ArgumentParser
import BatchDomain
import Reporting

/// `orchestrate copy`: moves a run with its whole history from one database to another.
struct CopyCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "copy", abstract: "Copy a run with its history to another database, where it goes on.",
    discussion: """
      No process may be sending the run. It is complete and checked in the other database before it becomes cancelled in \
      this one, with the reason `copied`; from then on it is resumed there. What is being processed or unknown is copied \
      as it is, and `resume` there settles it. Items that were accepted stay known in both.

      A copy that was cut off leaves no part of the run in the other database that anybody sees: run the same command \
      again, and it completes.

      EXAMPLES
        orchestrate copy latest --to postgresql://db.example.com/orchestrate
        orchestrate copy latest --db postgresql://db.example.com/orchestrate --to runs.db
      """)

  @Argument(help: "A run id, a unique prefix of one, or `latest`.")
  var run: String

  @Option(
    help: ArgumentHelp(
      "The database to copy to: a file, which is made when it is not there, or postgresql://HOST/DATABASE.",
      valueName: "database"))
  var to: String

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }
  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let other = try await Self.target(nil) {
      try DatabasePath.resolve("--to", given: to, environment: context.environment)
    }
    let path = try storeOptions.existing(for: run, in: context)
    let places = (from: try Self.place(path), to: try await Self.target(other) { try Self.place(other) })
    guard places.from != places.to else {
      throw CommandFailure(
        .badInput, code: "same_database", "--to names the database that the run is in: \(places.to)",
        remedy: "name another database with --to")
    }
    let source = try await StoreOpener.open(path, in: context)
    let context = context.on(source.clock)
    let id = try await source.resolve(run)
    // Whatever does not depend on the other database is refused before that is opened, or made.
    let standing = try await source.copyStanding(of: id)
    if case .copied = standing, try await Self.target(other, { try StoreOpener.exists(at: other) }) {
      // Perhaps the last step is left to be made.
    } else {
      try RunCopier.refuse(standing, of: id)
      try await source.refuseOwned(id)
      try await context.refuseOlderCopy(try await source.summary(of: id), in: source)
    }
    let destination = try await Self.target(other) {
      try await StoreOpener.open(other, createsSchema: true, in: context)
    }
    let copier = RunCopier(
      from: source, called: places.from, to: destination, called: places.to, clock: context.clock,
      note: { context.note($0) })
    try await copier.copy(id)
    let report = CopyReport(run: try await destination.summary(of: id), from: places.from, to: places.to)
    switch format {
    case .text: try context.writeResult(report.text(resuming: other))
    case .json: try context.writeResult(report.document())
    }
    return .done
  }

  /// Opens the database to copy to, or does without opening it what can be done: errors name its option, and commands in
  /// their advice its place.
  private static func target<Value>(
    _ place: String?, _ work: () async throws -> Value
  ) async throws -> Value {
    do { return try await work() } catch { throw CommandFailure(error).about("--to", place) }
  }

  /// Where a database is, as it is shown and recorded: an address without secrets, or the path of a file from its root.
  private static func place(_ database: String) throws -> String {
    StoreOpener.isServer(database) ? StoreOpener.shown(database) : try StoreOpener.withoutLinks(database)
  }
}
