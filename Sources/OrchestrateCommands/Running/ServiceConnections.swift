import AssetsService
import BatchDomain
import S3Access
import S3Signing
import ServiceHTTP
import TransfersService

/// A service and the connections behind it. Call ``shutdown()`` at the end.
struct OpenService: Sendable {
  /// The service.
  let service: any ServiceModule
  /// The same with profile v1.3, for what only its module answers; `nil` with any other.
  let assets: (service: AssetsService, requests: AssetsHTTP)?
  /// Runs tasks where the network is read: who waits for answers there is woken without a change of thread.
  var executor: any TaskExecutor
  /// Looks, before the first request of a run, at what every request would fail on.
  var preflight: @Sendable (_ session: any RunSession, _ isNew: Bool) async throws -> Preflight
  /// Closes all connections; requests under way fail.
  let shutdown: @Sendable () async -> Void
}

/// What was found out before the first request of a run.
struct Preflight: Sendable, Equatable {
  /// What a person should know, and that stops nothing.
  var warnings: [String] = []
  /// Why nothing may be sent; `nil` when sending may begin.
  var obstacle: Obstacle?

  /// Why nothing may be sent.
  struct Obstacle: Sendable, Equatable {
    /// The reason that the run is paused with.
    var reason: PauseReason
    /// One clear sentence.
    var detail: String
  }

  /// Notes what S3 said of the object that is sent next.
  mutating func note(_ error: S3Error, of object: ObjectName) {
    switch error.code {
    case .credentialsMissing, .credentialsInvalid, .credentialsEnding, .credentialsRefused, .clockSkewed:
      obstacle = Obstacle(reason: .credentials, detail: error.description)
    case .accessDenied:
      obstacle = Obstacle(reason: .source, detail: error.description)
    case .bucketMissing:
      // Every other item of that bucket would be rejected, which is more than one object that was deleted.
      obstacle = Obstacle(
        reason: .source,
        detail: """
          \(error.message), expected the bucket of the next object, \(VisibleText.escape(object.rawValue, cutAt: 200)); correct \
          the name in the manifest and submit it as a new run, or create the bucket; at another service than Amazon's it \
          takes --s3-endpoint
          """)
    case .proxyUnauthorized, .certificate, .foreignAnswer:
      obstacle = Obstacle(reason: .endpoint, detail: error.description)
    case .objectMissing, .objectArchived, .addressInvalid:
      // A fault of that item alone, as far as is known; the run meets it where the item is sent.
      warnings.append(error.description)
    case .busy, .unreachable, .unexpected:
      // It may pass.
      warnings.append(error.description)
    }
  }
}

/// The one place that names the modules of the service's generations: a new one is a line here, beside its profile.
enum ServiceConnections {
  /// The module of a run's profile; nothing is connected yet.
  ///
  /// - Parameter onLimits: with profile v1.3, is told the header lines of each answer to a request that makes something
  ///   which speak of limits.
  /// - Throws: ``ConfigurationError`` and ``S3Error`` for settings of S3 that cannot be used.
  static func open(
    _ settings: RunSettings, run: RunID, key: APIKey, route: ServiceRoute, in context: ProcessContext,
    onLimits: (@Sendable ([String]) -> Void)? = nil
  ) async throws -> OpenService {
    let endpoint = ServiceEndpoint(
      baseURL: settings.baseURL, key: key, userAgent: "orchestrate/\(OrchestrateCommand.version)",
      route: route)
    let passage = context.passage
    switch settings.profile {
    case .v1, .v1_1, .v1_2:
      let requests = TransfersHTTP(endpoint, profile: settings.profile, clock: context.clock)
      return passage.opened(
        OpenService(
          service: TransfersService(
            passage.transfers(requests), profile: settings.profile, clock: context.clock,
            destination: settings.destination),
          assets: nil, executor: requests.executor, preflight: { _, _ in Preflight() },
          shutdown: { await requests.shutdown() }))
    case .v1_3:
      let register = SecretRegister()
      let objects = try await BucketOpener.open(settings.objects, in: context) { register.add($0) }
      let requests = AssetsHTTP(
        endpoint, clock: context.clock, register: register, onLimits: onLimits)
      let service = AssetsService(
        passage.assets(requests), urls: passage.urls(objects.urls), run: run,
        urlLifetime: min(settings.objects.urlLifetime, ObjectAccess.longestLifetime), clock: context.clock,
        destination: settings.destination)
      return passage.opened(
        OpenService(
          service: service, assets: (service, requests), executor: requests.executor,
          preflight: { try await preflight($0, isNew: $1, service, objects) },
          shutdown: {
            await requests.shutdown()
            await objects.shutdown()
          }))
    }
  }

  /// Refuses to begin where what a profile needs beside the key is missing.
  ///
  /// - Throws: ``S3Error`` where there are no credentials for S3, or none that can be used.
  static func requireCredentials(_ settings: RunSettings, in context: ProcessContext) async throws {
    guard settings.profile == .v1_3 else { return }
    let objects = try await BucketOpener.open(settings.objects, in: context)
    let result: Result<HeldCredentials, any Error>
    do {
      result = .success(try await objects.credentials.current())
    } catch {
      result = .failure(error)
    }
    await objects.shutdown()
    _ = try result.get()
  }

  /// Indexes that a run which goes on is looked through for, in items.
  private static let itemsLookedAt = 1_000

  /// Looks at the first object and at the indexes.
  private static func preflight(
    _ session: any RunSession, isNew: Bool, _ service: AssetsService, _ objects: S3Access
  ) async throws -> Preflight {
    var found = Preflight()
    guard let object = try await session.nextObject() else { return found }
    do {
      if let place = S3Location(object) {
        _ = try await objects.client.check(bucket: place.bucket, key: place.key)
        _ = try await objects.urls.signedURL(for: object)
      }
    } catch let error as S3Error {
      found.note(error, of: object)
      if found.obstacle != nil { return found }
    }
    let indexes = try await session.pendingIndexes(limit: isNew ? nil : itemsLookedAt)
    let look = await service.preflight(indexes)
    found.warnings += look.notes.map(\.text)
    for index in look.missing where look.obstacle == nil {
      found.warnings.append(
        "index \(VisibleText.escape(index.rawValue, cutAt: 60)) does not exist for this key")
    }
    found.obstacle = look.obstacle.map { Preflight.Obstacle(reason: $0.reason, detail: $0.detail) }
    if !isNew, found.obstacle == nil { found.obstacle = try await olderCopy(session, service) }
    return found
  }

  /// Whether the service knows more of the run than the database.
  private static func olderCopy(
    _ session: any RunSession, _ service: AssetsService
  ) async throws -> Preflight.Obstacle? {
    guard let item = try await session.firstNeverSent(), let asset = await service.asset(of: item) else {
      return nil
    }
    return Preflight.Obstacle(
      reason: .failedOver,
      detail: """
        the service has asset \(asset) of item \(item.sequence) (\(VisibleText.escape(item.object.rawValue, cutAt: 200))), which \
        this database says was never sent: it is an older copy, or another copy of it is in use; go on with the newest \
        copy, or resume this one again to ask the service about each item before it is sent
        """)
  }
}
