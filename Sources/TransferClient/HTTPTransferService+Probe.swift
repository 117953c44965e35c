package import BatchDomain

extension HTTPTransferService: ServiceProbe {
  /// Reads one row of the list of tasks, of whatever index: the parameter `index_id` is a filter in every version.
  package func probe() async throws(ListingFailure) {
    _ = try await rows(
      list(
        "\(configuration.profile.tasksPath)?page=1&page_limit=1&sort_by=created_at&sort_option=desc"))
  }
}
