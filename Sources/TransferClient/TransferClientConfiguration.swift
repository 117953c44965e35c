package import BatchDomain

/// Where an ``HTTPTransferService`` sends, and how.
package struct TransferClientConfiguration: Sendable {
  /// Address of the service without a trailing slash, as ``ServiceAddress/baseURL`` has it.
  package var baseURL: String
  /// Version of the service.
  package var profile: ServiceProfile
  /// The service's key.
  package var key: APIKey
  /// Submissions in flight at most, 1 or more; one connection more is kept for listings.
  package var concurrency: Int
  /// Header `User-Agent`, for example `orchestrate/1.0.0`.
  package var userAgent: String
  /// The most a page of the list of tasks may take.
  package var listTimeout: Duration
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

  /// A configuration with the documented time-outs.
  package init(
    baseURL: String, profile: ServiceProfile, key: APIKey, concurrency: Int, userAgent: String,
    listTimeout: Duration = .seconds(30), connectTimeout: Duration = .seconds(10),
    route: ServiceRoute = .direct, idleConnectionTime: Duration = .seconds(1)
  ) {
    self.baseURL = baseURL
    self.profile = profile
    self.key = key
    self.concurrency = concurrency
    self.userAgent = userAgent
    self.listTimeout = listTimeout
    self.connectTimeout = connectTimeout
    self.route = route
    self.idleConnectionTime = idleConnectionTime
  }

  /// Scheme, host and port of ``baseURL``, for messages.
  var origin: String {
    guard let scheme = baseURL.firstRange(of: "://") else { return baseURL }
    return String(baseURL[..<(baseURL[scheme.upperBound...].firstIndex(of: "/") ?? baseURL.endIndex)])
  }
}
