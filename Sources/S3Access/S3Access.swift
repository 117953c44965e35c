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
  ///   - route: the way to S3, for the address of another endpoint than Amazon's own.
  ///   - onSecrets: is told the secrets of credentials before they are used.
  /// - Throws: ``ConfigurationError`` for a region or an endpoint that is none, ``S3Error`` for shared files that cannot be
  ///   read.
  package static func open(
    _ access: ObjectAccess, environment: [String: String], userAgent: String, clock: any BatchClock,
    random: any RandomSource, route: (_ endpoint: String?) throws -> AccessRoute = { _ in AccessRoute() },
    onSecrets: @escaping @Sendable ([String]) -> Void = { _ in }
  ) async throws -> S3Access {
    let endpoint = try await endpoint(
      access, AccessWorld(environment: environment, clock: clock, transport: UnknownWay()))
    let way = try route(endpoint.map { $0.origin + $0.rest })
    let transport = HTTPAccessTransport(userAgent: userAgent, clock: clock, route: way)
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
      access, endpoint: try await endpoint(access, world).map { S3Endpoint($0) },
      firstRegion: try await firstRegion(access, world),
      credentials: provider, transport: world.transport, clock: world.clock, random: random)
    return S3Access(
      credentials: provider, client: client, listing: BucketListing(client), urls: ObjectURLs(client),
      close: close)
  }

  /// Closes all connections.
  package func shutdown() async { await close() }

  /// Another endpoint than Amazon's own, looked for in the order of botocore.
  private static func endpoint(_ access: ObjectAccess, _ world: AccessWorld) async throws -> WebAddress? {
    if let text = access.endpoint { return try EndpointText.parse(text, for: "--s3-endpoint") }
    for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"] {
      if let text = world.variable(name) { return try EndpointText.parse(text, for: "$\(name)") }
    }
    let profile = profile(access, world)
    guard let text = try await SharedFiles(world).endpoint(of: profile) else { return nil }
    return try EndpointText.parse(text, for: "endpoint_url of profile \(ConfigurationError.quoted(profile))")
  }

  private static func profile(_ access: ObjectAccess, _ world: AccessWorld) -> String {
    access.profile ?? SharedFilesSource.variable(world) ?? "default"
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
    let region = try await SharedFiles(world).profile(profile(access, world))?.property("region")
    return region.flatMap { RegionName.isOne($0) ? $0 : nil } ?? "us-east-1"
  }
}

/// The network before the way to it is known: reading files asks nobody.
private struct UnknownWay: AccessTransport {
  func send(_ request: AccessRequest, limit: Int) async throws -> AccessAnswer {
    throw AccessFault.notConnected("the way there is not known yet")
  }
}
