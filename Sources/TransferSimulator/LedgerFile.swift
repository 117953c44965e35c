import Foundation
import Synchronization

/// Writes the ledger as JSON lines, each with one write call, so that what happened survives the process.
///
/// Events: `arrival` (after the body was read), `taken` (the work is done) and `answer`; all carry `ordinal`.
final class LedgerFile: Sendable {
  private let handle: Mutex<FileHandle>

  /// Creates or truncates the file.
  init(path: String) throws {
    let url = URL(fileURLWithPath: path)
    try Data().write(to: url)
    handle = Mutex(try FileHandle(forWritingTo: url))
  }

  func write(arrival entry: LedgerEntry) {
    write([
      ("event", "arrival"), ("ordinal", .integer(entry.ordinal)),
      ("transfer", entry.transfer.map { .integer($0) } ?? .null),
      ("endpoint", .string(entry.endpoint.rawValue)),
      ("received_at", .integer(Int(entry.receivedAt))), ("method", .string(entry.method)),
      ("path", .string(entry.path)), ("connection", .integer(entry.connection)),
      ("in_flight", .integer(entry.inFlight)), ("key_matched", .bool(entry.keyMatched)),
      ("headers", .object(entry.headers.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
      (
        "elements",
        .array(
          entry.elements.map {
            .object([("index_id", .string($0.indexID)), ("object", .string($0.object))])
          })
      ),
    ])
  }

  func write(taken entry: LedgerEntry) {
    write([
      ("event", "taken"), ("ordinal", .integer(entry.ordinal)), ("accepted", .integer(entry.accepted)),
      ("skipped", .integer(entry.skipped)),
    ])
  }

  func write(answer entry: LedgerEntry) {
    write([
      ("event", "answer"), ("ordinal", .integer(entry.ordinal)),
      ("answered_at", entry.answeredAt.map { .integer(Int($0)) } ?? .null),
      ("status", entry.status.map { .integer($0) } ?? .null),
      ("fault", entry.fault.map { .string($0.rawValue) } ?? .null), ("accepted", .integer(entry.accepted)),
      ("skipped", .integer(entry.skipped)),
    ])
  }

  private func write(_ members: [(String, JSONText)]) {
    let line = Data((JSONText.object(members).text + "\n").utf8)
    handle.withLock { handle in
      // A full disk must not stop the simulated service; the missing line shows it.
      try? handle.write(contentsOf: line)
    }
  }
}
