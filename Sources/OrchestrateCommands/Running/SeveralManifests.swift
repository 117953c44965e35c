import BatchDomain
import NIOConcurrencyHelpers
import Reporting

/// Work on several manifests of a job, one after the other, and the one result of all of it.
///
/// What is wrong with one of them does not keep the others from being sent. A run that is left with something to do does: what
/// stopped it would stop the next one, too.
struct SeveralManifests {
  let console: RunConsole
  let format: ResultFormat
  let layout: JSONWriter.Layout
  /// The database as advised commands have to name it.
  let database: String?

  /// What became of one of them.
  struct Outcome {
    /// As it was named; `nil` where that is not known.
    var manifest: String?
    /// The status that a command for it alone would end with.
    var status: ExitStatus
    /// Whether an earlier run has the same content.
    var isSkipped = false
  }

  private var outcomes: [(Outcome, document: String)] = []

  /// Nothing is done yet.
  init(console: RunConsole, format: ResultFormat, layout: JSONWriter.Layout, database: String?) {
    self.console = console
    self.format = format
    self.layout = layout
    self.database = database
  }

  private var context: ProcessContext { console.context }

  /// Whether no other manifest is begun: the last run is to go on first, or nothing can be recorded.
  var isOver: Bool {
    outcomes.last.map { [.stopped, .refused, .store, .owned, .bug].contains($0.0.status) } ?? false
  }

  /// Works on one of them.
  ///
  /// - Parameters:
  ///   - manifest: as it is named where the work fails.
  ///   - body: does the work, and writes its result through the console that it is given; `nil` where there was nothing to
  ///     do.
  mutating func work(
    on manifest: String?, _ body: (RunConsole) async throws -> Outcome?
  ) async throws {
    let result = CollectedText()
    do {
      let inner = format == .json ? console.delivering(to: result) : console
      guard let outcome = try await body(inner) else { return }
      outcomes.append((outcome, result.text))
    } catch let closed as OutputClosed {
      throw closed
    } catch {
      let failure = CommandFailure(error, database: database)
      let document = failure.document()
      context.note(document.text(path: failure.manifest).trimmingLineEnd())
      outcomes.append((Outcome(manifest: manifest, status: failure.status), document.json(layout)))
    }
  }

  /// Says how many are left, and writes the result.
  ///
  /// - Parameter left: manifests that were not begun.
  func conclude(left: Int) async throws -> ExitStatus {
    if left > 0 {
      context.note(
        "\(HumanNumber.text(left, "manifest")) of this job \(left == 1 ? "is" : "are") left: the same command with "
          + "--continue goes on with them")
    }
    if format == .json {
      try await context.delivering(shownBy: "orchestrate report") { try await context.deliver(json) }
    }
    return ExitStatus(worstOf: outcomes.map(\.0.status))
  }

  private var json: String {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("manifests")
    json.beginArray()
    for (outcome, document) in outcomes {
      json.beginObject()
      json.member("manifest", outcome.manifest)
      json.member("status", Int(outcome.status.rawValue))
      json.key("skipped")
      json.value(outcome.isSkipped)
      json.key("result")
      if document.isEmpty { json.value(String?.none) } else { json.document(document) }
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.take() + "\n"
  }
}

/// Keeps a result that becomes a part of another one.
private final class CollectedText: TextSink {
  private let kept = NIOLockedValueBox("")

  var text: String { kept.withLockedValue { $0 } }

  var isTerminal: Bool { false }

  func write(_ text: String) { kept.withLockedValue { $0 += text } }
}
