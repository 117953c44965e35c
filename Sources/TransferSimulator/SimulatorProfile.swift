/// A version of the service's interface that the simulator can imitate.
package enum SimulatorProfile: String, Sendable, CaseIterable {
  /// The version of the page the project starts from; success is 200 with a JSON message.
  case v1
  /// The version in between: new paths, answers assumed to be those of v1.
  case v1_1 = "v1.1"
  /// The last version that has transfers; success is 204 without a body.
  case v1_2 = "v1.2"

  /// The path of the task collection, without a slash at the end.
  package var tasksPath: String {
    switch self {
    case .v1: "/v1/indexes/tasks"
    case .v1_1, .v1_2: "/\(rawValue)/tasks"
    }
  }

  /// The path of the bulk endpoint.
  package var transfersPath: String { tasksPath + "/transfers" }

  /// The path of the collection of indexes.
  package var indexesPath: String { "/\(rawValue)/indexes" }

  /// The largest `page_limit` that listings take; a larger one is refused.
  package var maximumPageLimit: Int { self == .v1 ? 100 : 50 }

  /// Whether tasks pass through `queued`, and whether counts and deletion exist.
  var hasQueue: Bool { self == .v1_2 }

  /// Whether errors look like `{"code", "message", "docs_url"}` and not `{"error_code", "message"}`.
  var hasDocumentedErrors: Bool { self == .v1_2 }

  /// Whether objects carry the member `type`.
  var hasTypes: Bool { self == .v1 }
}
