/// Says why a fault rule on the command line was refused.
package struct FaultRuleError: Error, Equatable, CustomStringConvertible {
  /// The rule as it was given.
  package let text: String
  /// What is wrong with it.
  package let reason: String

  /// A sentence fragment that names the rule and the reason.
  package var description: String {
    "fault '\(text)': \(reason); expected KIND[=PARAMETER]:SHARE[*HITS], KIND[=PARAMETER]@N, @N+ or @N-M"
  }
}
