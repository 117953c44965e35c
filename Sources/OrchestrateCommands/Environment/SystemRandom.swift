import BatchDomain

/// The machine's randomness.
struct SystemRandom: RandomSource {
  func next() -> UInt64 { UInt64.random(in: .min ... .max) }
}
