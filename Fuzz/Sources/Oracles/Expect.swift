/// Ends the fuzzer with a finding unless the condition holds.
package func expect(_ condition: Bool, _ message: @autoclosure () -> String) {
  guard condition else { fatalError(message()) }
}
