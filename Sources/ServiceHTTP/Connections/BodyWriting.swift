internal import NIOCore

/// The body of a request on its way into a connection, piece by piece, so that it is known whether all of it was ever
/// taken by the socket: before that the service cannot have taken the request.
struct BodyWriting {
  /// Bytes of a piece at most: few enough that a receiver who stops reading is noticed before the end is handed out.
  static let pieceSize = 32 * 1_024

  private var rest: ByteBuffer
  private let progress: WriteProgress

  /// A body of which nothing was handed out.
  init(_ bytes: ByteBuffer, progress: WriteProgress) {
    rest = bytes
    self.progress = progress
  }

  /// Whether the last piece was handed out.
  var isWritten: Bool { rest.readableBytes == 0 }

  /// The next piece; `nil` once the request was judged to have failed.
  mutating func next() -> ByteBuffer? {
    let length = min(Self.pieceSize, rest.readableBytes)
    // Before the last piece is handed out, not after: who judges in between must not take it for unwritten.
    guard progress.advance(to: length == rest.readableBytes ? .everything : .part) else { return nil }
    return rest.readSlice(length: length)
  }

  /// The socket did not take all of the piece handed out last, and will not: SwiftNIO fails a write only when the
  /// connection is gone, and what was not written then is dropped.
  func failed() { progress.retreat() }
}
