internal import NIOConcurrencyHelpers
internal import NIOCore

/// Bodies of submissions under way, by which a connection knows whose body it is given to write.
///
/// A body is known by the address of its bytes: it is unique while the body is here, and AsyncHTTPClient hands the
/// buffer of a request on as it is.
final class OutgoingBodies: Sendable {
  private let progresses = NIOLockedValueBox<[UInt: WriteProgress]>([:])

  /// Keeps a body known while `send` runs.
  func during<Value>(_ body: ByteBuffer, _ progress: WriteProgress, _ send: () async -> Value) async -> Value
  {
    let address = Self.address(of: body)
    progresses.withLockedValue { $0[address] = progress }
    let value = await send()
    progresses.withLockedValue { $0[address] = nil }
    return value
  }

  /// What the writing of a body has to be reported to.
  func progress(of body: ByteBuffer) -> WriteProgress? {
    progresses.withLockedValue { $0[Self.address(of: body)] }
  }

  private static func address(of body: ByteBuffer) -> UInt {
    body.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
  }
}
