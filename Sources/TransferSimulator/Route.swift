/// Where a request leads.
enum Route: Equatable {
  case endpoint(SimulatorEndpoint, id: String)
  /// The path is served, but not with this method.
  case wrongMethod
  /// The path belongs to another version of the service.
  case otherVersion
  case nowhere

  /// Finds the way for a method and a path without query.
  init(method: String, path: String, profile: SimulatorProfile) {
    if let routes = Route.routes(path, profile) {
      self = routes.first { $0.method == method }.map { .endpoint($0.endpoint, id: $0.id) } ?? .wrongMethod
    } else if SimulatorProfile.allCases.contains(where: { Route.routes(path, $0) != nil }) {
      self = .otherVersion
    } else {
      self = .nowhere
    }
  }

  /// What the path offers in a version; nil when that version does not know it.
  private static func routes(
    _ path: String, _ profile: SimulatorProfile
  ) -> [(method: String, endpoint: SimulatorEndpoint, id: String)]? {
    if path == profile.transfersPath { return [("POST", .transfers, "")] }
    if path == profile.tasksPath { return [("GET", .list, ""), ("POST", .create, "")] }
    if path == profile.indexesPath { return [("GET", .indexes, "")] }
    guard path.hasPrefix(profile.tasksPath + "/") else { return nil }
    let rest = path.dropFirst(profile.tasksPath.count + 1).split(
      separator: "/", omittingEmptySubsequences: false)
    let id = rest.first.map(String.init) ?? ""
    if profile.hasQueue && rest == ["status"] { return [("GET", .counts, "")] }
    if profile == .v1 && rest.count == 2 && rest[1] == "video-id" { return [("GET", .videoID, id)] }
    guard rest.count == 1, !id.isEmpty else { return nil }
    return [("GET", .get, id)] + (profile.hasQueue ? [("DELETE", .delete, id)] : [])
  }
}
