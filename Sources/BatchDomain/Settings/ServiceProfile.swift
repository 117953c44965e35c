/// A published version of the service: where its endpoints are and how its lists are paged.
///
/// Source of every path and limit: the service's documentation and specifications for v1, v1.1 and v1.2.
package enum ServiceProfile: String, Sendable, CaseIterable, Codable {
  /// Version 1; the one the cloud-to-cloud page describes.
  case v1
  /// Versions 1.1, 1.1.1 and 1.1.2.
  case v1_1 = "v1.1"
  /// Version 1.2, the last to have the transfers endpoint.
  case v1_2 = "v1.2"

  /// The service's own address.
  package static let defaultBaseURL = "https://api.twelvelabs.io"

  /// The steps of a chunk, in order.
  package var steps: [ChunkStep] {
    switch self {
    case .v1, .v1_1, .v1_2: [.transfer]
    }
  }

  /// Path of the transfers endpoint, from the base address on.
  package var transfersPath: String {
    switch self {
    case .v1: "/v1/indexes/tasks/transfers"
    case .v1_1: "/v1.1/tasks/transfers"
    case .v1_2: "/v1.2/tasks/transfers"
    }
  }

  /// Path of the list of tasks, from the base address on.
  package var tasksPath: String {
    switch self {
    case .v1: "/v1/indexes/tasks"
    case .v1_1: "/v1.1/tasks"
    case .v1_2: "/v1.2/tasks"
    }
  }

  /// The most rows a page of the list of tasks may have; the service refuses more.
  package var listPageLimit: Int {
    switch self {
    case .v1: 100
    case .v1_1, .v1_2: 50
    }
  }
}
