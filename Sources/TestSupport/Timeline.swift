package import BatchDomain
import NIOConcurrencyHelpers

/// The time of one world: it moves only when nothing is ready to run, and then to the next moment something is
/// planned for.
package final class Timeline: Sendable {
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

  /// What the machine's clock shows at the beginning, where nothing else is said.
  package static let start = Timestamp(milliseconds: 1_750_000_000_000)

  private let beginning: Timestamp
  private let state = NIOLockedValueBox(State())

  /// A time that begins at a moment.
  package init(from beginning: Timestamp = start) { self.beginning = beginning }

  /// Time since the beginning.
  package var elapsed: Duration { state.withLockedValue { $0.elapsed } }

  /// What the machine's clock shows.
  package var now: Timestamp { state.withLockedValue { beginning + $0.elapsed + $0.offset } }

  /// How far somebody set the machine's clock.
  package var offset: Duration { state.withLockedValue { $0.offset } }

  /// Whether anything is planned.
  package var hasPlans: Bool { state.withLockedValue { !$0.entries.isEmpty } }

  /// Sets the machine's clock without time passing.
  package func setClock(by offset: Duration) { state.withLockedValue { $0.offset += offset } }

  /// Plans something.
  ///
  /// - Returns: what ``cancel(_:)`` needs.
  @discardableResult
  package func after(_ duration: Duration, _ action: @escaping @Sendable () -> Void) -> Int {
    state.withLockedValue { state in
      state.nextID += 1
      let entry = Entry(at: state.elapsed + max(duration, .zero), id: state.nextID, action: action)
      let place = state.entries.firstIndex { $0.at <= entry.at } ?? state.entries.endIndex
      state.entries.insert(entry, at: place)
      return entry.id
    }
  }

  /// Gives up what was planned.
  package func cancel(_ id: Int) {
    state.withLockedValue { state in state.entries.removeAll { $0.id == id } }
  }

  /// Moves to the next moment something is planned for, and does it.
  ///
  /// - Returns: `false` when nothing is planned.
  package func advance() -> Bool {
    let entry = state.withLockedValue { state -> Entry? in
      guard let next = state.entries.popLast() else { return nil }
      state.elapsed = next.at
      return next
    }
    entry?.action()
    return entry != nil
  }
}
