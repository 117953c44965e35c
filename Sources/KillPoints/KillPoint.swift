#if KILL_POINTS
  import Foundation
  import Synchronization
#endif

/// A moment at which a test ends the program as `kill -9` does, or stops it as `kill -STOP` does.
///
/// Debug builds only: in a release build, reaching one does nothing, and the binary contains nothing of it.
/// `$ORCHESTRATE_KILL_AT` names the moment, `$ORCHESTRATE_STOP_AT` one at which the program is stopped; with `name:n` that happens
/// when it is reached for the n-th time.
package enum KillPoint {
  /// An intent is about to be recorded.
  case beforeIntent
  /// The intent is on disk, and nothing was sent.
  case afterIntent
  /// A piece of the request's body is about to be handed to the connection, and its time was looked at.
  case beforePiece
  /// The last byte of the request was handed to the connection.
  case afterSend
  /// The answer has arrived, and nothing of it is recorded.
  case afterAnswer
  /// The outcome is written in a transaction that is not committed.
  case beforeRecording
  /// Some items of a manifest are recorded.
  case inPlanning
  /// The write-ahead log was copied into the database, and is not truncated yet.
  case inCheckpoint
  /// A part of the index of known items is written, and not all of it.
  case inIndexing
  /// A verdict on a lost answer was reached, and is not recorded.
  case inSettling
  /// A run is removed for everybody, and not all of its rows are gone.
  case inRemoval
  /// A step of copying a run to another store is made, and not all of them.
  case inCopying

  /// The program is at this moment.
  @inline(__always)
  package func reached() {
    #if KILL_POINTS
      for wanted in KillSwitch.wanted { wanted.reached(self) }
    #endif
  }
}

#if KILL_POINTS
  extension KillPoint: CaseIterable {
    /// Its name, in `snake_case`.
    package var name: String {
      "\(self)".reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
    }
  }

  /// Counts how often the wanted moment is reached.
  private final class KillSwitch: Sendable {
    static let wanted = [
      KillSwitch(ProcessInfo.processInfo.environment["ORCHESTRATE_KILL_AT"], SIGKILL),
      KillSwitch(ProcessInfo.processInfo.environment["ORCHESTRATE_STOP_AT"], SIGSTOP),
    ].compactMap(\.self)

    private let signal: Int32
    private let name: String
    private let left: Atomic<Int>

    private init?(_ text: String?, _ signal: Int32) {
      self.signal = signal
      guard let parts = text?.split(separator: ":"), let name = parts.first else { return nil }
      self.name = String(name)
      left = Atomic(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
    }

    func reached(_ point: KillPoint) {
      guard point.name == name, left.subtract(1, ordering: .relaxed).newValue == 0 else { return }
      kill(getpid(), signal)
      // A signal that ends the process may reach it a moment later.
      while signal == SIGKILL { pause() }
    }
  }
#endif
