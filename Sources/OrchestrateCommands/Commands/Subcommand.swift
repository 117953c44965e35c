import ArgumentParser
import BatchDomain
import Reporting

/// What every subcommand shares: its work is a function of its options and a context, and its errors are put
/// into words and a status in one place.
protocol Subcommand: AsyncParsableCommand {
  /// Whether errors are written as a JSON document to standard output.
  var wantsJSON: Bool { get }

  /// How such a document is laid out.
  var jsonLayout: JSONWriter.Layout { get }

  /// The path given with `--db`, which commands in advice then need, too.
  var databaseGiven: String? { get }

  /// Does the work.
  func perform(in context: ProcessContext) async throws -> ExitStatus
}

extension Subcommand {
  var wantsJSON: Bool { false }
  var jsonLayout: JSONWriter.Layout { .pretty }
  var databaseGiven: String? { nil }

  /// Runs the command in this process.
  func run() async throws {
    let context = ProcessContext.current()
    let status = await status(in: context)
    await context.diagnostics.drained()
    if status != .done { throw ExitCode(status.rawValue) }
  }

  /// Runs the command in a context and tells how it ended.
  func status(in context: ProcessContext) async -> ExitStatus {
    let status = await result(in: context)
    await context.opened.closeAll()
    return status
  }

  private func result(in context: ProcessContext) async -> ExitStatus {
    do {
      return try await perform(in: context)
    } catch is OutputClosed {
      // Nobody reads any more; that is the reader's decision and no failure.
      return .done
    } catch {
      return await tell(CommandFailure(error), hasFailedOutput: error is OutputFailed, in: context)
    }
  }

  /// Says how the command failed, on standard error and as a document where one is wanted.
  ///
  /// - Returns: the status that the command ends with: that of the failure, or of a document that could not be written.
  private func tell(
    _ failure: CommandFailure, hasFailedOutput: Bool, in context: ProcessContext
  ) async -> ExitStatus {
    let document = failure.document(database: StoreOpener.advised(databaseGiven))
    do {
      try context.diagnostics.write(document.text(path: failure.manifest))
    } catch {
      // Standard error has no place beside it; the document and the status still say it.
    }
    guard wantsJSON else { return failure.status }
    do {
      try await context.deliver(document.json(jsonLayout))
    } catch let output as OutputFailed where !output.isClosed {
      if !hasFailedOutput { context.note("error: failed to write this error as JSON: \(output.reason)") }
      return ExitStatus(worstOf: [failure.status, .store])
    } catch {
      // Nobody reads it, which is the reader's decision; standard error and the status still say it.
    }
    return failure.status
  }
}

/// How a result is written.
enum ResultFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case json
}

/// How a report is written.
enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case json
  case csv
  case html
}

/// How progress is shown on standard error.
enum ProgressChoice: String, ExpressibleByArgument, CaseIterable {
  /// Live on a terminal, as plain lines elsewhere.
  case auto
  /// As plain lines everywhere.
  case always
  /// Not at all.
  case never
}
