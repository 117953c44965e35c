import BatchDomain
import TestSupport

/// Draws from the one source of randomness of a world.
struct Dice: Sendable {
  let source: SeededRandom

  /// Whether something with that probability happens.
  func chance(_ probability: Double) -> Bool { probability > 0 && source.nextUnit() < probability }

  /// A number of a range, every one as likely as any other.
  func int(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(source.next() % UInt64(range.count))
  }

  /// One of several, every one as likely as any other.
  func pick<T>(_ values: [T]) -> T { values[int(0...values.count - 1)] }

  /// A length of time in milliseconds.
  func milliseconds(_ range: ClosedRange<Int>) -> Duration { .milliseconds(int(range)) }

  /// A length of time between two powers of ten of a millisecond, the short ones as likely as the long ones.
  func spread(_ range: ClosedRange<Int>) -> Duration {
    var upper = 1
    for _ in 0..<int(range) { upper *= 10 }
    return .milliseconds(int(0...upper))
  }
}
