import NIOConcurrencyHelpers

/// How many pages may be kept up to date at a time.
final class StreamLimit: Sendable {
  /// A place; given back when the last reference to it is gone, however the stream ended.
  final class Slot: Sendable {
    private let limit: StreamLimit

    fileprivate init(_ limit: StreamLimit) { self.limit = limit }

    deinit { limit.free.withLockedValue { $0 += 1 } }
  }

  private let free: NIOLockedValueBox<Int>

  init(_ count: Int) { free = NIOLockedValueBox(count) }

  /// A place; `nil` when all are taken.
  func take() -> Slot? {
    let isThere = free.withLockedValue { free in
      guard free > 0 else { return false }
      free -= 1
      return true
    }
    return isThere ? Slot(self) : nil
  }
}
