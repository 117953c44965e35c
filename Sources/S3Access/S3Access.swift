package import BatchDomain
internal import S3Signing

/// Access to the objects of S3, put together from settings and environment. Call ``shutdown()`` at the end.
package struct S3Access: Sendable {
  /// Where credentials come from.
  package let credentials: CredentialProvider
  /// Requests about single objects.
  package let client: S3Client
  /// The ports for listing and reading.
  package let listing: BucketListing
  /// URLs for the service.
  package let urls: ObjectURLs

  private let close: @Sendable () async -> Void

  /// Access that has asked nothing yet.
  ///
  /// - Parameters:
  ///   - environment: the environment variables.
  ///   - route: the way to S3.
  ///   - onSecrets: is told the secrets of credentials before they are used.
  /// - Throws: ``ConfigurationError`` for a region or an endpoint that is none, ``S3Error`` for shared files that cannot be
  ///   read.
  package static func open(
    _ access: ObjectAccess, environment: [String: String], userAgent: String, clock: any BatchClock,
    random: any RandomSource, route: AccessRoute = AccessRoute(),
    onSecrets: @escaping @Sendable ([String]) -> Void = { _ in }
  ) async throws -> S3Access {
    let transport = HTTPAccessTransport(userAgent: userAgent, clock: clock, route: route)
    do {
      return try await make(
        access, AccessWorld(environment: environment, clock: clock, transport: transport), random: random,
        onSecrets: onSecrets, close: { await transport.shutdown() })
    } catch {
      await transport.shutdown()
      throw error
    }
  }

  /// Access in a world that is given.
  package static func make(
    _ access: ObjectAccess, _ world: AccessWorld, random: any RandomSource,
    onSecrets: @escaping @Sendable ([String]) -> Void = { _ in },
    close: @escaping @Sendable () async -> Void = {}
  ) async throws -> S3Access {
    let provider = CredentialProvider(
      world.sources(profile: access.profile), clock: world.clock, onSecrets: onSecrets)
    let client = S3Client(
      access, endpoint: try endpoint(access, world), firstRegion: try await firstRegion(access, world),
      credentials: provider, transport: world.transport, clock: world.clock, random: random)
    return S3Access(
      credentials: provider, client: client, listing: BucketListing(client), urls: ObjectURLs(client),
      close: close)
  }

  /// Closes all connections.
  package func shutdown() async { await close() }

  private static func endpoint(_ access: ObjectAccess, _ world: AccessWorld) throws(ConfigurationError)
    -> S3Endpoint?
  {
    if let text = access.endpoint { return S3Endpoint(try EndpointText.parse(text, for: "--s3-endpoint")) }
    for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"] {
      if let text = world.variable(name) { return S3Endpoint(try EndpointText.parse(text, for: "$\(name)")) }
    }
    return nil
  }

  private static func firstRegion(_ access: ObjectAccess, _ world: AccessWorld) async throws -> String {
    if let region = access.region { return region }
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
      guard let region = world.variable(name) else { continue }
      guard RegionName.isOne(region) else {
        throw ConfigurationError.badValue(
          "$\(name)", region, expected: "the name of a region such as eu-central-1")
      }
      return region
    }
    let profile = access.profile ?? SharedFilesSource.variable(world) ?? "default"
    let region = try await SharedFiles(world).profile(profile)?.property("region")
    return region.flatMap { RegionName.isOne($0) ? $0 : nil } ?? "us-east-1"
  }
}
