import BatchDomain
import Notifications
import S3Access
import ServiceHTTP

/// Opens access to S3: the one place that brings settings, environment and the way through a proxy together.
enum BucketOpener {
  /// Access to buckets. Call ``S3Access/S3Access/shutdown()`` at the end.
  ///
  /// - Parameter onSecrets: is told the secrets of credentials before they are used.
  /// - Throws: ``ConfigurationError``, ``S3Error``, ``ServiceHTTPError`` for a proxy that cannot be used.
  static func open(
    _ access: ObjectAccess, in context: ProcessContext,
    onSecrets: @escaping @Sendable ([String]) -> Void = { _ in }
  ) async throws -> S3Access {
    // A program that prints credentials needs no key of the service.
    let environment = CommandEnvironment.of(
      context.environment, without: [KeySource.variable] + SubmitSettings.secretVariables)
    return try await S3Access.open(
      access, environment: environment, userAgent: "orchestrate/\(OrchestrateCommand.version)",
      clock: context.clock, random: context.random, route: { try route(to: $0, context.environment) },
      onSecrets: onSecrets)
  }

  /// Where S3 is when nothing names another endpoint.
  private static let amazon = "https://s3.amazonaws.com"

  private static func route(
    to endpoint: String?, _ environment: [String: String]
  ) throws -> AccessRoute {
    let way = try ServiceRoute(to: endpoint ?? amazon, environment: environment)
    var route = AccessRoute()
    if let tunnel = way.tunnel {
      route.proxy = (tunnel.host, tunnel.port)
      route.proxyCredentials = tunnel.credentials
    }
    if way.hasAddedCertificates { route.certificateFile = environment["SSL_CERT_FILE"] }
    return route
  }
}
