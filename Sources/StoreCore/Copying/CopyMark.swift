import BatchDomain
import Foundation

/// What the detail of a run says that is cancelled because it was copied, or that is not complete yet.
enum CopyMark: Sendable, Equatable {
  /// It goes on in another store.
  case copied(to: String)
  /// It comes from another store.
  case copying(Arriving)

  /// A run that is not complete yet.
  struct Arriving: Sendable, Equatable, Codable {
    /// Where it comes from.
    var from: String
    /// ``RunHead/copy``.
    var copy: Int
    /// The state that it gets, and what goes with it.
    var state: String
    var reason: String?
    var detail: String?
    var finishedAt: Int64?

    init(_ head: RunHead, from store: String) {
      from = store
      copy = head.copy
      state = head.ending.state.rawValue
      reason = head.ending.reason?.rawValue
      detail = head.ending.detail
      finishedAt = head.ending.finishedAt?.milliseconds
    }
  }

  private static let copiedPrefix = "copied: "
  private static let copyingPrefix = "copying: "

  /// Reads the detail of a run.
  init?(state: String, detail: String?) {
    guard state == RunState.cancelled.rawValue, let detail else { return nil }
    if detail.hasPrefix(Self.copiedPrefix) {
      self = .copied(to: String(detail.dropFirst(Self.copiedPrefix.count)))
    } else if detail.hasPrefix(Self.copyingPrefix) {
      let text = Data(detail.dropFirst(Self.copyingPrefix.count).utf8)
      do { self = .copying(try JSONDecoder().decode(Arriving.self, from: text)) } catch { return nil }
    } else {
      return nil
    }
  }

  /// The detail as the store has it.
  func detail() throws -> String {
    switch self {
    case .copied(let store): return Self.copiedPrefix + store
    case .copying(let arriving):
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return Self.copyingPrefix + String(decoding: try encoder.encode(arriving), as: UTF8.self)
    }
  }

  /// Refuses to take a run that goes on in another store, or is not complete in this one.
  ///
  /// - Throws: ``StoreError`` with code `wrong_state`.
  static func refuse(_ row: Int64, _ run: RunID, in connection: Connection) throws {
    let found = try connection.first(
      "SELECT state, reason_detail, finished_at FROM run WHERE id = ?", .integer(row)
    ) { (mark: CopyMark(state: $0.text(0), detail: $0.optionalText(1)), at: Int64($0.int(2))) }
    switch found?.mark {
    case nil: break
    case .copied(let store):
      throw StoreError.copied(run, to: store, at: Timestamp(milliseconds: found?.at ?? 0))
    case .copying(let arriving): throw StoreError.arriving(run, from: arriving.from)
    }
  }
}
