internal import NIOConcurrencyHelpers

/// Secrets that become known while requests are under way, such as credentials that are renewed: texts from the service
/// are cleaned of them from then on.
package final class SecretRegister: Sendable {
  /// Sets of secrets that are kept: a request may still be under way that was made with the ones before.
  private static let kept = 8
  /// Shorter texts would take single letters out of words.
  private static let shortest = 8

  private let state = NIOLockedValueBox<(groups: [[SecretPattern]], set: SecretSet?)>(([], nil))

  /// No secrets yet.
  package init() {}

  /// Adds secrets; the oldest are forgotten after a while.
  package func add(_ secrets: [String]) {
    let patterns = secrets.filter { $0.utf8.count >= Self.shortest }.flatMap(SecretPattern.all)
    state.withLockedValue { state in
      state.groups = Array((state.groups + [patterns]).suffix(Self.kept))
      state.set = SecretSet(state.groups.flatMap(\.self))
    }
  }

  /// All secrets; `nil` while there are none.
  var set: SecretSet? { state.withLockedValue { $0.set } }
}

extension SecretRegister: CustomReflectable {
  /// A mirror without children: the patterns spell secrets.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Scrubber {
  /// A scrubber for that key, for other secrets, and for those that become known later.
  package init(key: APIKey, secrets: [String] = [], register: SecretRegister?) {
    self.init(key: key, secrets: secrets) { register?.set }
  }
}
