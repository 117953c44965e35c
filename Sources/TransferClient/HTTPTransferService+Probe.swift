package import BatchDomain
internal import NIOHTTP1

extension HTTPTransferService: ServiceProbe {
  /// Reads one row of the list of tasks, of whatever index: the parameter `index_id` is a filter in every version.
  package func probe() async throws(ListingFailure) {
    let request = request(
      .GET, "\(configuration.profile.tasksPath)?page=1&page_limit=1&sort_by=created_at&sort_option=desc")
    let result = await exchange.run(
      request, progress: WriteProgress(stage: .everything), timeout: configuration.listTimeout,
      bodyLimit: Self.pageByteLimit)
    switch result {
    case .failed(let fault, _):
      throw .transport(failure(fault, progress: fault.isBeforeRequest ? .notWritten : .maybeWritten))
    case .answered(let answer): _ = try rows(answer)
    }
  }
}
