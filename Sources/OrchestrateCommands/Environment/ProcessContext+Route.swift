import TransferClient

extension ProcessContext {
  /// The way to the service at an address, as the environment describes it.
  ///
  /// - Throws: ``TransferClientError`` when a proxy or a file of certificates cannot be used.
  func route(to baseURL: String) throws(TransferClientError) -> ServiceRoute {
    try ServiceRoute(to: baseURL, environment: environment)
  }
}
