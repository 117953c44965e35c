package import BatchDomain
package import S3Signing

/// Credentials that are looked for once, kept, and renewed before they end.
package actor CredentialProvider {
  /// How long before their end credentials are renewed.
  package static let margin: Duration = .seconds(15 * 60)
  /// How long a source that could not renew them is left alone.
  private static let pause: Duration = .seconds(60)

  private let sources: [any CredentialSource]
  private let clock: any BatchClock
  private let onSecrets: @Sendable ([String]) -> Void

  private var held: HeldCredentials?
  /// The source that they are from: another would be another identity.
  private var origin: (any CredentialSource)?
  private var renewal: Task<HeldCredentials, any Error>?
  private var triedAt: Duration?

  /// Nothing looked for yet.
  ///
  /// - Parameters:
  ///   - sources: in the order in which they are asked; the first that has credentials is the only one from then on.
  ///   - onSecrets: is told the secrets of credentials before they are used.
  package init(
    _ sources: [any CredentialSource], clock: any BatchClock,
    onSecrets: @escaping @Sendable ([String]) -> Void = { _ in }
  ) {
    self.sources = sources
    self.clock = clock
    self.onSecrets = onSecrets
  }

  /// Credentials that hold for a while: those that end within ``margin`` are renewed first. What the source gives is
  /// returned, however long it holds; what cannot be renewed is returned until it has ended.
  ///
  /// - Throws: ``S3Error``, or `CancellationError`.
  package func current() async throws -> HeldCredentials {
    guard let held else { return try await renewed() }
    guard let left = left(of: held), left < Self.margin else { return held }
    if left > .zero, let triedAt, clock.elapsed() - triedAt < Self.pause { return held }
    do {
      return try await renewed()
    } catch let error as S3Error {
      guard left > .zero else {
        throw S3Error(
          .credentialsEnding,
          "the credentials from \(held.origin) have ended, and were not renewed: \(error.message)",
          remedy: error.remedy)
      }
      return held
    }
  }

  /// Other credentials than those that were refused because they had ended.
  ///
  /// - Throws: ``S3Error``, also when the source still gives the same.
  package func renew(insteadOf refused: AWSCredentials) async throws -> HeldCredentials {
    if let held, !held.credentials.isSamePair(as: refused) { return held }
    let renewed = try await renewed()
    guard renewed.credentials.isSamePair(as: refused) else { return renewed }
    throw S3Error(
      .credentialsRefused, "the credentials from \(renewed.origin) have ended",
      remedy: "sign in again, for example with `aws sso login`, or give other credentials")
  }

  private func left(of held: HeldCredentials) -> Duration? {
    held.credentials.expiresAt.map { $0.since(clock.now()) }
  }

  /// Asks the sources; callers that come meanwhile wait for the same answer.
  private func renewed() async throws -> HeldCredentials {
    while true {
      let task = renewal ?? Task { try await ask() }
      renewal = task
      do {
        return try await withTaskCancellationHandler {
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

  private func ask() async throws -> HeldCredentials {
    triedAt = clock.elapsed()
    defer { renewal = nil }
    var absent: [String] = []
    for source in origin.map({ [$0] }) ?? sources {
      switch try await source.find() {
      case .found(let found):
        onSecrets(found.credentials.secrets)
        (held, origin) = (found, source)
        return found
      case .absent(let why): absent.append(why)
      }
    }
    throw S3Error(
      .credentialsMissing, "no AWS credentials were found: \(absent.joined(separator: "; "))",
      remedy:
        "set $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws/config with --aws-profile"
    )
  }
}
