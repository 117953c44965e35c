import BatchDomain
import NIOConcurrencyHelpers

/// The time of one world: it moves only when nothing is ready to run, and then to the next moment something is
/// planned for.
final class Timeline: Sendable {
  private struct Entry {
    let at: Duration
    let id: Int
    let action: @Sendable () -> Void
  }

  private struct State {
    var elapsed: Duration = .zero
    /// How far somebody set the machine's clock.
    var offset: Duration = .zero
    var nextID = 0
    /// By time, then by id; the next one last.
    var entries: [Entry] = []
  }

  /// What the machine's clock shows at the beginning.
  static let start = Timestamp(milliseconds: 1_750_000_000_000)

  private let state = NIOLockedValueBox(State())

  /// Time since the beginning.
  var elapsed: Duration { state.withLockedValue { $0.elapsed } }

  /// What the machine's clock shows.
  var now: Timestamp { state.withLockedValue { Self.start + $0.elapsed + $0.offset } }

  /// How far somebody set the machine's clock.
  var offset: Duration { state.withLockedValue { $0.offset } }

  /// Sets the machine's clock without time passing.
  func setClock(by offset: Duration) { state.withLockedValue { $0.offset += offset } }

  /// Plans something.
  ///
  /// - Returns: what ``cancel(_:)`` needs.
  @discardableResult
  func after(_ duration: Duration, _ action: @escaping @Sendable () -> Void) -> Int {
    state.withLockedValue { state in
      state.nextID += 1
      let entry = Entry(at: state.elapsed + max(duration, .zero), id: state.nextID, action: action)
      let place = state.entries.firstIndex { $0.at <= entry.at } ?? state.entries.endIndex
      state.entries.insert(entry, at: place)
      return entry.id
    }
  }

  /// Gives up what was planned.
  func cancel(_ id: Int) {
    state.withLockedValue { state in state.entries.removeAll { $0.id == id } }
  }

  /// Moves to the next moment something is planned for, and does it.
  ///
  /// - Returns: `false` when nothing is planned.
  func advance() -> Bool {
    let entry = state.withLockedValue { state -> Entry? in
      guard let next = state.entries.popLast() else { return nil }
      state.elapsed = next.at
      return next
    }
    entry?.action()
    return entry != nil
  }
}
