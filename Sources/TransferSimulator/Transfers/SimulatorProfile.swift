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

extension SimulatorProfile {
  /// An error in the shape of the version.
  func error(_ status: Int, _ code: String, _ message: String) -> SimulatedAnswer {
    .json(
      status,
      hasDocumentedErrors
        ? .object([
          ("code", .string(code)), ("message", .string(message)),
          ("docs_url", "https://docs.twelvelabs.io/docs/error-codes"),
        ])
        : .object([("error_code", .string(code)), ("message", .string(message))]))
  }

  /// The answer to an accepted transfers request.
  var transferAccepted: SimulatedAnswer {
    switch self {
    case .v1, .v1_1:
      // The misspelling is the service's own.
      .json(
        200, .object([("message", "Succesfully requested indexing task"), ("type", "index_task_create")]))
    case .v1_2: SimulatedAnswer(status: 204)
    }
  }

  /// The accepted answer with a body in any version, for faults that need one.
  var transferAcceptedWithBody: SimulatedAnswer {
    self == .v1_2
      ? .json(200, .object([("message", "Succesfully requested indexing task")])) : transferAccepted
  }

  /// 401, repeating the key that came, as some services do.
  func unauthorized(key: String?) -> SimulatedAnswer {
    error(401, "api_key_invalid", "The API key '\(key ?? "")' is not valid, or has expired")
  }

  /// 429 or 503 that tells the wait in the given form; `resetsAt` in milliseconds since 1970.
  func wait(_ form: FaultKind, now: Int64, resetsAt: Int64, limit: Int, used: Int) -> SimulatedAnswer {
    let isThrottle = form != .unavailable && form != .unavailableWait
    var answer =
      isThrottle
      ? error(429, "too_many_requests", "You have exceeded the limit of \(limit) requests")
      : error(503, "service_unavailable", "The service is not available at the moment")
    if isThrottle && self == .v1_2 { answer = SimulatedAnswer(status: 429) }
    let seconds = max(0, (resetsAt - now + 999) / 1000)
    let resetSecond = (resetsAt + 999) / 1000
    switch form {
    case .throttle, .unavailableWait: answer = answer.adding("Retry-After", String(seconds))
    case .throttleDate: answer = answer.adding("Retry-After", TimeText.http(resetSecond * 1000))
    case .throttleReset where self != .v1_2: answer = answer.adding("X-Ratelimit-Reset", String(resetSecond))
    default: break
    }
    if isThrottle && self == .v1_2 && form != .throttleBare {
      answer.headers += rateHeaders(limit: limit, used: used, resetsAt: resetsAt)
    }
    return answer
  }

  /// The four headers of v1.2.
  func rateHeaders(limit: Int, used: Int, resetsAt: Int64) -> [(name: String, value: String)] {
    [
      ("X-Ratelimit-Limit", String(limit)), ("X-Ratelimit-Remaining", String(max(0, limit - used))),
      ("X-Ratelimit-Used", String(used)), ("X-Ratelimit-Reset", String((resetsAt + 999) / 1000)),
    ]
  }

  /// A refusal by the model.
  func refusal(_ refusal: TransferModel.Refusal) -> SimulatedAnswer {
    switch refusal {
    case .poisoned(let position):
      error(400, "parameter_invalid", "The object parameter of element \(position) is not valid")
    case .crashed: error(500, "internal_server_error", "Something went wrong")
    case .indexGone(let id): error(400, "resource_not_exist", "Resource with id \(id) does not exist")
    }
  }
}

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
