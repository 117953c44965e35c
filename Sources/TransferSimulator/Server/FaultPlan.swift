import Synchronization

/// Chooses the fault for each request.
///
/// A share is drawn from the seed, what the request is about and how often that came before. So the same run meets the
/// same faults whatever its concurrency.
package final class FaultPlan: Sendable {
  private struct State {
    var rules: [FaultRule]
    /// By what the request is about, as a hash of it.
    var history: [UInt64: (seen: Int, hitsInRow: Int)] = [:]
    var counts: [FaultCall: Int] = [:]
  }

  private let seed: UInt64
  private let state: Mutex<State>

  /// A plan with those rules; the first that fits a request is met.
  package init(rules: [FaultRule], seed: UInt64) {
    self.seed = seed
    self.state = Mutex(State(rules: rules))
  }

  /// Replaces the rules and forgets which requests were hit. Numbers go on counting.
  package func replace(_ rules: [FaultRule]) {
    state.withLock {
      $0.rules = rules
      $0.history = [:]
    }
  }

  /// The first rule that names transfers request `number`, counted from 1 since the start of the server.
  func fault(request number: Int) -> FaultRule? {
    state.withLock { $0.rules.first { $0.call == nil && $0.names(request: number) } }
  }

  /// Counts one more request for each of the calls that it is, and finds the first rule that names it by number.
  func arrive(_ calls: [FaultCall]) -> FaultRule? {
    state.withLock { state in
      for call in calls { state.counts[call, default: 0] += 1 }
      return state.rules.first { rule in
        guard let call = rule.call, calls.contains(call) else { return false }
        return rule.names(request: state.counts[call] ?? 0)
      }
    }
  }

  /// Draws for one more sight of the chunk that begins with `key`.
  func fault(firstElement key: ElementKey) -> FaultRule? {
    draw([], SeededHash(seed: seed).adding(key.indexID).adding(key.object))
  }

  /// Draws for one more sight of a request of those calls that is about `subject`.
  func fault(_ calls: [FaultCall], about subject: String) -> FaultRule? {
    guard let first = calls.first else { return nil }
    return draw(calls, SeededHash(seed: seed).adding(first.rawValue).adding(subject))
  }

  private func draw(_ calls: [FaultCall], _ subject: SeededHash) -> FaultRule? {
    state.withLock { state in
      var past = state.history[subject.value] ?? (seen: 0, hitsInRow: 0)
      let drawn = state.rules.enumerated().first { position, rule in
        guard case .share(let share) = rule.trigger, past.hitsInRow < rule.maxHits,
          rule.call.map(calls.contains) ?? calls.isEmpty
        else { return false }
        return subject.adding(past.seen).adding(position).unit < share
      }
      past.seen += 1
      past.hitsInRow = drawn == nil ? 0 : past.hitsInRow + 1
      state.history[subject.value] = past
      return drawn?.element
    }
  }
}

/// A hash that is the same in every process: draws made from it do not depend on the order of arrivals.
struct SeededHash {
  private var state: UInt64

  /// Starts a hash for `seed`; FNV-1a over the parts, mixed at the end as splitmix64 does.
  init(seed: UInt64) {
    state = 0xcbf2_9ce4_8422_2325 ^ seed
  }

  /// A copy with `text` and a separator mixed in.
  func adding(_ text: String) -> SeededHash {
    var copy = self
    for byte in text.utf8 { copy.add(byte) }
    copy.add(0xFF)
    return copy
  }

  /// A copy with `number` mixed in.
  func adding(_ number: Int) -> SeededHash {
    var copy = self
    withUnsafeBytes(of: Int64(number).littleEndian) { for byte in $0 { copy.add(byte) } }
    return copy
  }

  /// All bits of the hash.
  var value: UInt64 {
    var mixed = state &+ 0x9e37_79b9_7f4a_7c15
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// The hash as a number from 0 up to but not including 1.
  var unit: Double { Double(value >> 11) * 0x1p-53 }

  /// The hash as `digits` lowercase hexadecimal digits.
  func hex(_ digits: Int) -> String {
    var text = ""
    var part = 0
    while text.count < digits {
      let word = String(adding(part).value, radix: 16)
      text += String(repeating: "0", count: 16 - word.count) + word
      part += 1
    }
    return String(text.prefix(digits))
  }

  private mutating func add(_ byte: UInt8) {
    state = (state ^ UInt64(byte)) &* 0x100_0000_01b3
  }
}
