/// What an endpoint is for.
package enum SimulatorEndpoint: String, Sendable, CaseIterable {
  /// The bulk endpoint.
  case transfers
  /// Creates one task.
  case create
  /// Lists tasks.
  case list
  /// Shows one task.
  case get
  /// From a task to its video.
  case videoID = "video-id"
  /// Counts tasks per state.
  case counts
  /// Deletes a task.
  case delete
  /// Lists indexes.
  case indexes
  /// A path, or a method on it, that the profile does not serve.
  case unknown
}
