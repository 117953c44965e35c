internal import BatchDomain

extension Duration {
  /// Nanoseconds, zero to a day: what time-outs of connections may be.
  var wholeNanoseconds: Int64 {
    let held = Swift.max(.zero, Swift.min(self, .seconds(86_400)))
    return Int64(held.inSeconds * 1_000_000_000)
  }
}
