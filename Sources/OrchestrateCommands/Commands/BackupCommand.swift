import ArgumentParser
import BatchDomain
import Reporting

/// `orchestrate backup`: a copy of the database in one file, also while runs are sent.
struct BackupCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Copy the database to a file and check the copy.",
    discussion: """
      The copy is the database as it is at one moment, also while runs are sent. It takes the place of the file only once \
      it is complete and was checked; only its owner may read it. An earlier backup is replaced; a database is not, and \
      neither is a backup that runs were sent from since.

      EXAMPLES
        orchestrate backup /mnt/backup/orchestrate.db
        orchestrate report latest --db /mnt/backup/orchestrate.db
      """)

  @Argument(
    help: "The file to write; an earlier backup is replaced.",
    transform: { try ListCommand.notEmpty($0, "the path of a file") })
  var file: String

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }
  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let database = try storeOptions.existing(in: context)
    guard try StoreOpener.address(file) == nil else {
      throw CommandFailure(
        .badInput, code: "not_a_file", "`backup` writes a file, and the address of a server was given",
        remedy: "name a file; `orchestrate copy RUN --to` copies a run to a server")
    }
    let path = try context.path(file)
    let place = try AtomicFile(
      at: path, beside: database, random: context.random, called: "the backup", isPrivate: true,
      isDatabase: true)
    try StoreOpener.checkPlace(ofCopyAt: place.path)
    let copy = try await StoreOpener.copy(
      database, to: place.part, called: path, at: { context.clock.now() })
    try StoreOpener.putCopy(at: place.path) { try place.finish() }
    let digest = copy.digest.map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
    switch format {
    case .text:
      try context.writeResult(
        "\(VisibleText.escape(path)): \(HumanNumber.text(Int(copy.bytes))) bytes, checked, SHA-256 \(digest)\n"
      )
    case .json:
      var json = JSONWriter(.pretty)
      json.beginObject()
      json.member("file", path)
      json.member("bytes", Int(copy.bytes))
      json.member("sha256", digest)
      json.endObject()
      try context.writeResult(json.take() + "\n")
    }
    return .done
  }
}
