internal import KillPoints
internal import NIOCore

/// A multipart body piece by piece, made when the transport asks for them, so that the content is never in
/// memory twice, and that it is known whether the last piece was ever asked for.
struct BodyPieces: AsyncSequence, Sendable {
  typealias Element = ByteBuffer

  /// Bytes of content per piece; half of the mark at which SwiftNIO's channels ask to pause, so that a slow
  /// receiver is noticed before the end is asked for.
  static let pieceSize = 32 * 1_024

  /// The body.
  let body: MultipartBody
  /// Is told of every piece before it is given out.
  let progress: WriteProgress
  /// The event loop of all connections.
  let eventLoop: any EventLoop

  /// Gives the pieces out in order.
  struct AsyncIterator: AsyncIteratorProtocol {
    private enum Step {
      case opening
      case content(from: Int)
      case closing
      case end
    }

    private let pieces: BodyPieces
    private var step = Step.opening

    /// An iterator at the first piece.
    init(_ pieces: BodyPieces) { self.pieces = pieces }

    /// The next piece; `nil` after the last.
    ///
    /// - Throws: `CancellationError` once the request was judged to have failed.
    mutating func next() async throws -> ByteBuffer? {
      let body = pieces.body
      // The transport asks for pieces faster than its event loop writes them, until the loop tells it to pause.
      // One turn of the loop writes what was given out so far, and makes a full or closed channel known.
      switch step {
      case .opening, .end: break
      case .content, .closing: try await pieces.eventLoop.submit {}.get()
      }
      switch step {
      case .opening:
        try advance(to: .part)
        step = body.content.isEmpty ? .closing : .content(from: 0)
        return ByteBuffer(bytes: body.opening)
      case .content(let start):
        try advance(to: .part)
        let end = Swift.min(start + BodyPieces.pieceSize, body.content.count)
        step = end == body.content.count ? .closing : .content(from: end)
        return ByteBuffer(bytes: body.content[start..<end])
      case .closing:
        try advance(to: .everything)
        step = .end
        return ByteBuffer(bytes: body.closing)
      case .end:
        KillPoint.afterSend.reached()
        return nil
      }
    }

    private func advance(to stage: WriteProgress.Stage) throws {
      guard pieces.progress.advance(to: stage) else { throw CancellationError() }
    }
  }

  /// An iterator at the first piece.
  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
