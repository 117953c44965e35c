/// Why something that was only read could not be had.
package enum ListingFailure: Error, Sendable, Equatable {
  /// The service answered with something else than what was asked for.
  case refused(Answer)
  /// No usable answer came.
  case transport(TransportFailure)
}

extension ListingFailure {
  /// What it is in words, for evidence.
  package var reason: String {
    switch self {
    case .refused(let answer):
      let parts = ["HTTP \(answer.status)", answer.code, answer.message].compactMap { $0 }
      return "the listing was refused: \(parts.joined(separator: " "))"
    case .transport(let failure): return "the listing could not be read: \(failure.message)"
    }
  }
}

/// Why a page was not read, as a sentence without any part of it.
package struct UnreadablePage: Error, Sendable, Equatable {
  /// What is wrong with it.
  package var reason: String

  /// Something is wrong with a page.
  package init(_ reason: String) { self.reason = reason }
}
