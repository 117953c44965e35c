import ArgumentParser
import BatchDomain
import Reporting

/// `orchestrate export`: the items of a run in some states, as a manifest, byte for byte as they came.
struct ExportCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write the items of a run in some states as a manifest.",
    discussion: """
      Each item is written byte for byte as in its manifest. Correct the output, or submit it unchanged.

      EXAMPLES
        orchestrate export latest --state rejected > corrected.json
        orchestrate export latest --state failed | orchestrate submit - --again
      """)

  @Argument(help: "A run id, a unique prefix of one, or `latest`.")
  var run: String

  @Option(
    help: ArgumentHelp(
      "States, separated by commas: \(ChunkState.itemStates.map(\.rawValue).joined(separator: ", ")).",
      valueName: "state[,state]"),
    transform: { try StateList.parse($0, for: "--state", among: ChunkState.itemStates) })
  var state: Set<ChunkState>

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  /// Items read at a time: no read transaction outlives one page.
  private static let page = 1_000

  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let path = try storeOptions.existing(for: run, in: context)
    let store = try await StoreOpener.openForReading(path)
    let id = try await store.resolve(run)
    try context.output.write("[")
    var after: Int?
    while true {
      let items = try await store.items(of: id, in: state, after: after, limit: Self.page)
      guard let last = items.last else { break }
      var text = ""
      for item in items {
        text += (after == nil && item.sequence == items[0].sequence ? "\n" : ",\n")
        text += String(decoding: item.source, as: UTF8.self)
      }
      try context.output.write(text)
      after = last.sequence
    }
    try context.output.write(after == nil ? "]\n" : "\n]\n")
    return .done
  }
}
