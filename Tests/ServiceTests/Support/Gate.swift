import NIOConcurrencyHelpers

/// Something that a test opens once, and that others wait for.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var waiting: [@Sendable () -> Void] = []
  }

  private let state = NIOLockedValueBox(State())

  /// Lets everybody through, now and later.
  func open() {
    let waiting = state.withLockedValue { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for action in waiting { action() }
  }

  /// Does something once the gate is open.
  func whenOpen(_ action: @escaping @Sendable () -> Void) {
    let isOpen = state.withLockedValue { state in
      if !state.isOpen { state.waiting.append(action) }
      return state.isOpen
    }
    if isOpen { action() }
  }
}
