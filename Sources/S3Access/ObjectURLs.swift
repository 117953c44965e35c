package import BatchDomain
package import S3Signing

/// Makes the URLs with which the service reads objects: signed when a request is built, never earlier.
package struct ObjectURLs: Sendable {
  /// Credentials that end sooner, and that cannot be renewed, sign nothing: the service may fetch an object some time
  /// after it took the request.
  package static let leastLife: Duration = CredentialProvider.margin
  /// The same for credentials that are replaced by themselves a few minutes before their end: they are no reason to stop.
  private static let leastLifeOfReplaced: Duration = .seconds(60)

  private let client: S3Client
  private let sessions: SessionCheck

  /// URLs that are signed with the credentials of that client.
  package init(_ client: S3Client) {
    self.client = client
    sessions = SessionCheck(client)
  }

  /// How long credentials still work; `nil` where they have no end.
  ///
  /// - Throws: ``S3Error`` with `credentialsEnding` where that is too short to sign a URL.
  package static func life(of held: HeldCredentials, at now: Timestamp) throws(S3Error) -> Duration? {
    guard let end = held.credentials.expiresAt else { return nil }
    let left = end.since(now)
    guard left >= (held.areReplaced ? leastLifeOfReplaced : leastLife) else {
      throw S3Error(
        .credentialsEnding,
        left <= .zero
          ? "the credentials from \(held.origin) ended at \(end)"
          : "the credentials from \(held.origin) end at \(end), in \(HumanDuration.text(left)), and were not renewed",
        remedy: "sign in again, or use credentials that live longer; a URL needs 15 minutes at least")
    }
    return left
  }

  /// A URL that reads an object with GET until it ends. It lives as long as the setting says, at most 7 days, and no longer
  /// than the credentials that sign it. Of a session whose end nobody said, S3 is asked first, unless that was done in the
  /// last five minutes.
  ///
  /// - Throws: ``S3Error``, or `CancellationError`.
  package func signedURL(for object: ObjectName) async throws -> PresignedURL {
    try await signed(for: object).url
  }

  /// What was signed, and with what.
  private struct Signed {
    let url: PresignedURL
    let signer: HeldCredentials
    let place: S3Location
  }

  private func signed(for object: ObjectName) async throws -> Signed {
    guard let place = S3Location(object) else {
      throw S3Error(
        .addressInvalid, "\(ConfigurationError.quoted(object.rawValue)) is not s3://bucket/key",
        remedy: "correct the item's object")
    }
    var address = try await client.address(of: place.bucket)
    var held = try await client.credentials.current()
    if held.isOfUnknownEnd {
      try await sessions.check(at: place, since: client.clock.elapsed() - SessionCheck.period)
      // The answer may have named another region, and other credentials been needed for it.
      address = try await client.address(of: place.bucket)
      held = try await client.credentials.current()
    }
    let now = client.clock.now()
    var life = min(client.access.urlLifetime, ObjectAccess.longestLifetime)
    if let left = try Self.life(of: held, at: now) { life = min(life, left) }
    let payer = client.access.requestPayer.map { [QueryItem("x-amz-request-payer", $0.rawValue)] } ?? []
    let url = S3Signer(held.credentials, for: address)
      .presign(key: place.key, at: now, life: Int(life.components.seconds), extra: payer)
    return Signed(url: url, signer: held, place: place)
  }
}

extension ObjectURLs: ObjectURLSource {
  /// The same for the service's module, which knows nothing of S3.
  ///
  /// A bucket or a key that does not exist is a fault of its item; whatever every other item would meet as well pauses the
  /// run, and what may pass is no fault of anybody.
  package func url(for object: ObjectName) async throws(ObjectURLError) -> ObjectURL {
    do {
      let signed = try await signed(for: object)
      let (url, signer, place) = (signed.url, signed.signer, signed.place)
      guard signer.isOfUnknownEnd else { return ObjectURL(url.text, expiresAt: url.expiresAt) }
      return ObjectURL(url.text, expiresAt: url.expiresAt) { [sessions] moment in
        await sessions.isOver(signer.credentials, at: place, since: moment)
      }
    } catch let error as S3Error {
      throw error.forService
    } catch {
      throw .unavailable(code: "cancelled", message: "the request was given up before the URL was signed")
    }
  }
}

extension S3Error {
  /// What it means for a request that needs a URL.
  var forService: ObjectURLError {
    switch code {
    case .addressInvalid, .bucketMissing, .objectMissing, .objectArchived:
      .refused(code: code.rawValue, message: description)
    case .accessDenied: .paused(.source, detail: description)
    case .credentialsMissing, .credentialsInvalid, .credentialsEnding, .credentialsRefused, .clockSkewed:
      .paused(.credentials, detail: description)
    case .proxyUnauthorized, .certificate, .foreignAnswer: .paused(.endpoint, detail: description)
    case .busy, .unreachable, .unexpected: .unavailable(code: code.rawValue, message: description)
    }
  }
}
