import BatchDomain
import ServiceHTTP
import TransfersService

/// A service and the connections behind it. Call ``shutdown()`` at the end.
struct OpenService: Sendable {
  /// The service.
  let service: any ServiceModule
  /// Runs tasks where the network is read: who waits for answers there is woken without a change of thread.
  let executor: any TaskExecutor
  /// Closes all connections; requests under way fail.
  let shutdown: @Sendable () async -> Void
}

/// The one place that names the modules of the service's generations: a new one is a line here, beside its profile.
enum ServiceConnections {
  /// The module of a profile; nothing is connected yet.
  ///
  /// - Parameter destination: the address that chunks are sent to, for messages.
  static func open(
    _ profile: ServiceProfile, destination: String, _ endpoint: ServiceEndpoint, clock: any BatchClock
  ) throws -> OpenService {
    switch profile {
    case .v1, .v1_1, .v1_2:
      let requests = TransfersHTTP(endpoint, profile: profile, clock: clock)
      return OpenService(
        service: TransfersService(requests, profile: profile, destination: destination),
        executor: requests.executor, shutdown: { await requests.shutdown() })
    case .v1_3:
      throw ConfigurationError(
        .badValue, "profile \(profile.rawValue) is not served yet",
        remedy: "choose v1, v1.1 or v1.2 with --profile")
    }
  }
}
