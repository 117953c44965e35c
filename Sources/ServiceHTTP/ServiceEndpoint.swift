/// Where an ``HTTPRequester`` sends, and how.
package struct ServiceEndpoint: Sendable {
  /// Address of the service without a trailing slash, as `BaseURLText` has it.
  package let baseURL: String
  /// Scheme, host and port of ``baseURL``, for messages.
  let origin: String
  /// The path of ``baseURL``, which goes before every target.
  let path: String
  /// The service's key.
  package var key: APIKey
  /// Header `User-Agent`, for example `orchestrate/1.0.0`.
  package var userAgent: String
  /// The most that may pass until a connection is there, encryption included; the total time-out of a request
  /// holds too.
  package var connectTimeout: Duration
  /// The way to the service.
  package var route: ServiceRoute
  /// Connections that are not used for that long are closed by us, before a server thinks of it.
  ///
  /// Worked value: servers in use close idle connections after 2 s (gunicorn), 5 s (Apache, Node.js), 60 s
  /// (Amazon's load balancers), 75 s (nginx); 1 s is half of the least of them.
  package var idleConnectionTime: Duration

  /// An endpoint with the documented time-outs.
  package init(
    baseURL: String, key: APIKey, userAgent: String, connectTimeout: Duration = .seconds(10),
    route: ServiceRoute = .direct, idleConnectionTime: Duration = .seconds(1)
  ) {
    self.baseURL = baseURL
    origin = Self.origin(of: baseURL)
    path = String(baseURL.dropFirst(origin.count))
    self.key = key
    self.userAgent = userAgent
    self.connectTimeout = connectTimeout
    self.route = route
    self.idleConnectionTime = idleConnectionTime
  }

  private static func origin(of baseURL: String) -> String {
    guard let scheme = baseURL.firstRange(of: "://") else { return baseURL }
    return String(baseURL[..<(baseURL[scheme.upperBound...].firstIndex(of: "/") ?? baseURL.endIndex)])
  }
}
