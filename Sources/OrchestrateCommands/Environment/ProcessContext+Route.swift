import ServiceHTTP

extension ProcessContext {
  /// The way to the service at an address, as the environment describes it.
  ///
  /// - Throws: ``ServiceHTTPError`` when a proxy or a file of certificates cannot be used.
  func route(to baseURL: String) throws(ServiceHTTPError) -> ServiceRoute {
    try ServiceRoute(to: baseURL, environment: environment)
  }
}
