/// The only source of randomness, so that tests can seed it.
package protocol RandomSource: Sendable {
  /// The next number, every value as likely as any other.
  func next() -> UInt64
}

extension RandomSource {
  /// A number in `0..<1`, every value as likely as any other.
  package func nextUnit() -> Double {
    Double(next() >> 11) / Double(UInt64(1) << 53)
  }
}
