extension SimulatorProfile {
  /// An error in the shape of the version.
  func error(_ status: Int, _ code: String, _ message: String) -> Answer {
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
  var transferAccepted: Answer {
    switch self {
    case .v1, .v1_1:
      // The misspelling is the service's own.
      .json(
        200, .object([("message", "Succesfully requested indexing task"), ("type", "index_task_create")]))
    case .v1_2: Answer(status: 204)
    }
  }

  /// The accepted answer with a body in any version, for faults that need one.
  var transferAcceptedWithBody: Answer {
    self == .v1_2
      ? .json(200, .object([("message", "Succesfully requested indexing task")])) : transferAccepted
  }

  /// 401, repeating the key that came, as some services do.
  func unauthorized(key: String?) -> Answer {
    error(401, "api_key_invalid", "The API key '\(key ?? "")' is not valid, or has expired")
  }

  /// 429 or 503 that tells the wait in the given form; `resetsAt` in milliseconds since 1970.
  func wait(_ form: FaultKind, now: Int64, resetsAt: Int64, limit: Int, used: Int) -> Answer {
    let isThrottle = form != .unavailable && form != .unavailableWait
    var answer =
      isThrottle
      ? error(429, "too_many_requests", "You have exceeded the limit of \(limit) requests")
      : error(503, "service_unavailable", "The service is not available at the moment")
    if isThrottle && self == .v1_2 { answer = Answer(status: 429) }
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
  func refusal(_ refusal: TransferModel.Refusal) -> Answer {
    switch refusal {
    case .poisoned(let position):
      error(400, "parameter_invalid", "The object parameter of element \(position) is not valid")
    case .crashed: error(500, "internal_server_error", "Something went wrong")
    case .indexGone(let id): error(400, "resource_not_exist", "Resource with id \(id) does not exist")
    }
  }
}
