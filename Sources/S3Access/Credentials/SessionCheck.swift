internal import BatchDomain
internal import S3Signing

/// Asks S3 from time to time whether a session with an unknown end still works.
///
/// URLs are signed without a request, and only the service uses them. Without this check, the end of a session would show only in
/// assets that fail, and good videos would be rejected.
actor SessionCheck {
  /// How long what S3 said of a session counts.
  static let period: Duration = .seconds(300)

  private let client: S3Client
  /// When the last question that found no fault was asked.
  private var askedAt: Duration?
  private var question: Task<Void, any Error>?

  /// Nothing asked yet.
  init(_ client: S3Client) { self.client = client }

  /// Asks for an object unless S3 was asked since a moment; callers that come meanwhile wait for the same answer.
  ///
  /// - Throws: ``S3Error`` where S3 takes the credentials no more and their source gave no others; `CancellationError`.
  func check(at place: S3Location, since moment: Duration) async throws {
    let moment = min(moment, client.clock.elapsed())
    while askedAt.map({ $0 < moment }) ?? true {
      let task = question ?? Task { try await ask(for: place) }
      question = task
      do {
        try await withTaskCancellationHandler {
          try await task.value
        } onCancel: {
          task.cancel()
        }
      } catch is CancellationError {
        // Perhaps it was the one who asked that was cancelled, and not this task: then it asks itself.
        try Task.checkCancellation()
      }
    }
  }

  /// Whether a session is over that signed a URL: S3 takes it no more, or it was replaced, which comes of nothing else.
  ///
  /// - Parameter moment: when the URL was last used; what S3 said before does not count.
  func isOver(_ signer: AWSCredentials, at place: S3Location, since moment: Duration) async -> Bool {
    do {
      try await check(at: place, since: moment)
      return try await !client.credentials.current().credentials.isSamePair(as: signer)
    } catch {
      // Also after a cancellation, which says nothing: an item that is sent again loses less than one that is rejected.
      return true
    }
  }

  private func ask(for place: S3Location) async throws {
    defer { question = nil }
    let begun = client.clock.elapsed()
    askedAt = nil
    try await client.checkSession(bucket: place.bucket, key: place.key)
    askedAt = begun
  }
}
