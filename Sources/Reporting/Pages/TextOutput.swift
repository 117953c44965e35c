/// Where text goes: standard output, a file, or a string in tests. Nothing in this target prints by itself.
package protocol TextOutput {
  /// Takes the next piece of text.
  ///
  /// - Throws: whatever the place the text goes to throws, for example when a pipe has lost its reader.
  mutating func write(_ text: String) throws
}

extension String: TextOutput {}

/// Hands text to a closure.
package struct ClosureOutput: TextOutput {
  private let take: (String) throws -> Void

  /// Hands every piece of text to `take`, in order.
  package init(_ take: @escaping (String) throws -> Void) { self.take = take }

  /// Takes the next piece of text.
  package mutating func write(_ text: String) throws { try take(text) }
}
