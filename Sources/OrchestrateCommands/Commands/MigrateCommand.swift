import ArgumentParser
import BatchDomain
import Reporting

/// `orchestrate migrate`: the tables of a database on PostgreSQL.
struct MigrateCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Bring a database on PostgreSQL to the schema of this program.",
    discussion: """
      Makes the tables in an empty database, or upgrades them, in one transaction. It needs the rights to make tables; \
      every other command only reads and writes rows. An SQLite database is upgraded by the commands that use it.

      EXAMPLES
        orchestrate migrate --db postgresql://db.internal/orchestrate --dry-run
        orchestrate migrate --db postgresql://db.internal/orchestrate
      """)

  @Flag(name: .customLong("dry-run"), help: "Only say what would be done.")
  var isDry = false

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }
  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let place = try storeOptions.resolved(in: context)
    let steps = try await StoreOpener.migrate(place, isDry: isDry, in: context)
    switch format {
    case .text:
      let what =
        steps == 0
        ? "has the schema of this program"
        : isDry ? "needs \(steps) step\(steps == 1 ? "" : "s")" : "was brought to the schema of this program"
      try context.writeResult("\(StoreOpener.shown(place)) \(what)\n")
    case .json:
      var json = JSONWriter(.pretty)
      json.beginObject()
      json.member("steps", steps)
      json.key("applied")
      json.value(!isDry && steps > 0)
      json.endObject()
      try context.writeResult(json.take() + "\n")
    }
    return .done
  }
}
