import Synchronization

/// Chooses the fault for each transfers request.
///
/// A share is drawn from the seed, the first element of the chunk and how often that element came first
/// before. So the same run meets the same faults whatever its concurrency.
final class FaultPlan: Sendable {
  private struct State {
    var rules: [FaultRule]
    var history: [ElementKey: (seen: Int, hitsInRow: Int)] = [:]
  }

  private let seed: UInt64
  private let state: Mutex<State>

  init(rules: [FaultRule], seed: UInt64) {
    self.seed = seed
    self.state = Mutex(State(rules: rules))
  }

  /// Replaces the rules and forgets which chunks were hit.
  func replace(_ rules: [FaultRule]) {
    state.withLock { $0 = State(rules: rules) }
  }

  /// The first rule that names request `number`, counted from 1 since the start of the server.
  func fault(request number: Int) -> FaultRule? {
    state.withLock { $0.rules.first { $0.names(request: number) } }
  }

  /// Draws for one more sight of the chunk that begins with `key`.
  func fault(firstElement key: ElementKey) -> FaultRule? {
    state.withLock { state in
      var past = state.history[key] ?? (seen: 0, hitsInRow: 0)
      let drawn = state.rules.enumerated().first { position, rule in
        guard case .share(let share) = rule.trigger, past.hitsInRow < rule.maxHits else { return false }
        let hash = SeededHash(seed: seed).adding(key.indexID).adding(key.object)
        return hash.adding(past.seen).adding(position).unit < share
      }
      past.seen += 1
      past.hitsInRow = drawn == nil ? 0 : past.hitsInRow + 1
      state.history[key] = past
      return drawn?.element
    }
  }
}
