import NIOConcurrencyHelpers

/// What this process was confirmed by the server, held against what a new connection finds: a server that took over, or was
/// restored, may lack the last of it.
///
/// The last change that was acknowledged as durable is looked for, never a beat, which a plain crash of the server may lose.
package final class ServerHistory: Sendable {
  private struct Kept {
    var server: String?
    var confirmed: Int64 = 0
    var hasLostChanges = false
  }

  private let kept = NIOLockedValueBox(Kept())

  /// The server and its timeline, as `IDENTIFIER/TIMELINE`; `nil` where it does not tell.
  package var server: String? { kept.withLockedValue { $0.server } }

  /// Whether the database lacks a change that it had confirmed to this process. From then on this process changes nothing more
  /// but to give its run back.
  package var hasLostChanges: Bool { kept.withLockedValue { $0.hasLostChanges } }

  /// The last transaction that was confirmed; 0 before the first, and once some were lost.
  package var lastConfirmed: Int64 { kept.withLockedValue { $0.hasLostChanges ? 0 : $0.confirmed } }

  /// A transaction was confirmed.
  package func confirmed(_ number: Int64) { kept.withLockedValue { $0.confirmed = number } }

  /// A connection was made.
  ///
  /// - Parameter mark: the last transaction of this process that the database has.
  package func connected(to server: String?, mark: Int64?) {
    kept.withLockedValue { kept in
      kept.server = server
      if kept.confirmed > 0, (mark ?? -1) < kept.confirmed { kept.hasLostChanges = true }
    }
  }
}
