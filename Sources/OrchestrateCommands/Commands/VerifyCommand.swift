import ArgumentParser
import BatchDomain
import Reporting

/// `orchestrate verify`: an audit of one run from its records alone. Works while it is going on, and changes nothing.
struct VerifyCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check that a run's records are consistent.",
    discussion: """
      Exits with 0 when the records are consistent, else with 1. It does not contact the service and needs no key.

      EXAMPLES
        orchestrate verify latest
        orchestrate verify latest --format json
      """)

  @Argument(help: "A run id, a unique prefix of one, or `latest`.")
  var run: String

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }

  /// Problems that are listed; the rest is counted.
  static let listed = 1_000

  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let store = try await StoreOpener.openForReading(
      try storeOptions.existing(for: run, in: context), in: context)
    let audit = try await store.audit(try await store.resolve(run), listing: Self.listed)
    for note in audit.notes { await context.tell(note) }
    switch format {
    case .text: try context.writeResult(AuditText.text(audit))
    case .json: try context.writeResult(AuditJSON.document(audit))
    }
    return audit.problemsTotal == 0 ? .done : .lost
  }
}
