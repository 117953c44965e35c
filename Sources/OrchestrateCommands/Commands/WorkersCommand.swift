import ArgumentParser
import BatchDomain
import Reporting

/// `orchestrate workers`: the processes that use a database on PostgreSQL.
struct WorkersCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "workers", abstract: "List the processes that use a database on PostgreSQL.",
    discussion: """
      Those that have ended their work are left out. `silent` is a process that was not heard of for 15 seconds; `lost` is one \
      whose run was taken over.

      EXAMPLES
        orchestrate workers --db postgresql://db.internal/orchestrate
      """)

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }
  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let workers = try await StoreOpener.workers(try storeOptions.resolved(in: context), in: context)
    switch format {
    case .text: try context.writeResult(Self.text(workers, context.zone))
    case .json: try context.writeResult(Self.json(workers))
    }
    return .done
  }

  private static func text(_ workers: [WorkerSummary], _ zone: LocalZone) -> String {
    guard !workers.isEmpty else { return "no process uses the database\n" }
    return workers.map { worker in
      let run =
        worker.run.map { "run \($0), \(HumanNumber.text(worker.inFlight, "request")) under way" } ?? "no run"
      return
        "\(worker.id.prefix(8))  \(worker.state.rawValue)  \(VisibleText.escape(worker.host)):\(worker.processID)  \(run), last beat \(worker.beatAt)\n"
    }.joined()
  }

  private static func json(_ workers: [WorkerSummary]) -> String {
    var json = JSONWriter(.pretty)
    json.beginObject()
    json.key("workers")
    json.beginArray()
    for worker in workers {
      json.beginObject()
      json.key("id")
      json.value(worker.id)
      json.key("host")
      json.value(worker.host)
      json.key("pid")
      json.value(worker.processID)
      json.key("run_id")
      json.value(worker.run?.rawValue)
      json.key("beat_at")
      json.value(worker.beatAt.description)
      json.key("in_flight")
      json.value(worker.inFlight)
      json.key("state")
      json.value(worker.state.rawValue)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.take() + "\n"
  }
}
