import ArgumentParser
import BatchDomain
import Reporting

/// `orchestrate` without a subcommand: where the newest run stands, and what to do next. Exit 0; without a run it shows the
/// first three commands.
///
/// It is a hidden default subcommand that takes every word the parser does not know, since the parser knows no suggestions
/// for mistyped subcommands: an unknown word is answered here with the nearest subcommand, with status 64.
struct StatusCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show where the last run stands, and what to do next.",
    usage: "orchestrate [<subcommand>] [--db <path>]", shouldDisplay: false)

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  @Argument(parsing: .allUnrecognized, help: .hidden)
  var words: [String] = []

  func validate() throws {
    guard let word = words.first else { return }
    guard !word.hasPrefix("-") else {
      throw ValidationError("Unknown option '\(VisibleText.escape(word, cutAt: 60))'")
    }
    guard !ArgumentCheck.isCommand(word) else {
      throw ValidationError("Options come after the subcommand: orchestrate \(word) ...")
    }
    throw ValidationError(ArgumentCheck.unknownCommand(word))
  }

  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let path = try storeOptions.resolved(in: context)
    let isThere = try StoreOpener.exists(at: path)
    let store = isThere ? try await StoreOpener.openForReading(path, in: context) : nil
    guard let store, let last = try await store.summaries(before: nil, limit: 1).first else {
      if !isThere, storeOptions.path != nil { await context.tell("there is no database at \(path) yet") }
      try context.output.write(Self.welcome)
      return .done
    }
    try await context.mentionOlderCopy(last, in: store)
    let text = RunText(now: context.clock.now(), zone: context.zone, database: storeOptions.path)
    try context.output.write(
      text.standing(
        last, causes: try await store.causes(of: last.run), settings: try await store.settings(of: last.run)))
    return .done
  }

  private static let welcome = """
    no runs yet

    next:
      check the list of videos from the dashboard; nothing is sent:
        orchestrate validate videos.json
      see the plan; nothing is sent:
        orchestrate submit videos.json --dry-run
      send it:
        orchestrate submit videos.json

    `orchestrate --help` lists all commands.

    """
}
