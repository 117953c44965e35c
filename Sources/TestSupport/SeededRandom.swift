import BatchDomain
import NIOConcurrencyHelpers

/// Numbers that are the same in every run of a test (SplitMix64).
package final class SeededRandom: RandomSource {
  private let state: NIOLockedValueBox<UInt64>

  /// The sequence of a seed.
  package init(seed: UInt64) { state = NIOLockedValueBox(seed) }

  /// The next number of the sequence.
  package func next() -> UInt64 {
    state.withLockedValue { state in
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      return mixed ^ (mixed >> 31)
    }
  }
}
