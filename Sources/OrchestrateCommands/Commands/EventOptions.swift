import ArgumentParser
import BatchDomain
import Foundation
import Reporting

/// Where what happens to a run is written as it happens.
struct EventOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Append what happens to a file, one JSON object per line; `-` is standard output, with --format json only.",
      valueName: "file|-"))
  var events: String?

  /// Whether events go to standard output.
  var areOnOutput: Bool { events == "-" }

  /// Refuses events and a report for people in the same stream.
  ///
  /// - Throws: `ValidationError`.
  func check(_ format: ResultFormat) throws {
    guard areOnOutput, format != .json else { return }
    throw ValidationError(
      "--events - writes JSON to standard output, where the result would be text; add --format json, or name a file."
    )
  }

  /// Opens what events go to; `nil` when none are wanted.
  ///
  /// - Parameters:
  ///   - database: path of the database, which is never written to but through its engine.
  ///   - manifest: path of the manifest; `nil` when it is not read.
  /// - Throws: ``CommandFailure`` with status 2.
  func open(beside database: String, manifest: String?, in context: ProcessContext) throws -> EventOutput? {
    guard let given = events else { return nil }
    let say: @Sendable (String) -> Void = { context.note($0) }
    guard !areOnOutput else { return EventOutput(to: context.output, isStandardOutput: true, say: say) }
    let events = try context.path(given)
    let isTaken =
      DatabaseFiles.contain(events, of: database) || manifest.map { Self.same($0, events) } == true
    guard !isTaken else {
      throw CommandFailure(
        .badInput, code: "events_not_writable",
        "the file for events \(VisibleText.escape(events)) is the manifest or belongs to the database",
        remedy: "name another file with --events; nothing was sent")
    }
    return EventOutput(to: try AppendedFile(path: events), isStandardOutput: false, say: say)
  }

  private static func same(_ one: String, _ other: String) -> Bool {
    FileIdentity(path: one).map { $0 == FileIdentity(path: other) } ?? false
  }
}
