import Foundation
import HTTPTypes
import HummingbirdCore

extension RequestHandler {
  /// Serves a transfers request: key, faults by number, budget, faults by share, work, answer.
  func transfer(_ exchange: Exchange, _ request: Request, _ writer: consuming ResponseWriter) async throws {
    var rule = plan.fault(request: exchange.transfer ?? 0)
    if rule?.kind == .resetBefore {
      ledger.identify(exchange.ordinal, elements: [])
      ledger.meet(exchange.ordinal, fault: .resetBefore)
      try await drop(exchange, withReset: true)
    }
    guard let body = try await body(request, exchange) else {
      ledger.identify(exchange.ordinal, elements: [])
      return try await send(tooLarge, exchange, writer)
    }
    let content = elements(body, request)
    let keys = (try? content.get()) ?? []
    ledger.identify(exchange.ordinal, elements: keys)
    guard exchange.keyMatched else {
      return try await send(profile.unauthorized(key: exchange.key), exchange, writer)
    }
    var rateHeaders: [(name: String, value: String)] = []
    if rule == nil, let meter {
      let now = configuration.clock.now
      let reading = meter.take(at: now)
      guard reading.isAllowed else {
        let form = meter.budget.form ?? (profile == .v1_2 ? .throttleReset : .throttle)
        let answer = profile.wait(
          form, now: now, resetsAt: reading.resetsAt, limit: reading.limit, used: reading.used)
        return try await send(answer, exchange, writer)
      }
      if profile == .v1_2 {
        rateHeaders = profile.rateHeaders(
          limit: reading.limit, used: reading.used, resetsAt: reading.resetsAt)
      }
    }
    if rule == nil, let first = keys.first { rule = plan.fault(firstElement: first) }
    if let rule { ledger.meet(exchange.ordinal, fault: rule.kind) }
    if let rule, rule.kind == .late || rule.kind == .gatewayLate, case .success = content {
      return try await workLate(keys, rule, exchange, writer)
    }
    if let rule, !rule.kind.doesWork {
      return try await sendWithoutWork(rule, exchange, request, writer)
    }
    let isTaken: Bool
    var answer: SimulatedAnswer
    switch content {
    case .success: (isTaken, answer) = work(keys, exchange)
    case .failure(let refusal): (isTaken, answer) = (false, refusal.answer)
    }
    if configuration.delay > .zero { try await configuration.clock.sleep(for: configuration.delay) }
    if let rule { answer = try await apply(rule, to: answer, isTaken: isTaken, exchange) }
    answer.headers += rateHeaders
    try await send(answer, exchange, writer)
  }

  /// Does the work after the sender has gone, or after it was told that the request failed.
  private func workLate(
    _ keys: [ElementKey], _ rule: FaultRule, _ exchange: Exchange, _ writer: consuming ResponseWriter
  ) async throws {
    let wait = rule.wait ?? configuration.stallTime
    // No child of this request: it ends with its connection.
    @Sendable func workAfterwards() {
      Task {
        try await configuration.clock.sleep(for: wait)
        _ = work(keys, exchange)
      }
    }
    guard rule.kind == .late else {
      defer { workAfterwards() }
      return try await send(.html(504, "504 Gateway Time-out"), exchange, writer)
    }
    await exchange.connection.untilGone()
    workAfterwards()
    try await drop(exchange, withReset: false)
  }

  /// Lets the model decide, and notes what it took.
  private func work(_ keys: [ElementKey], _ exchange: Exchange) -> (isTaken: Bool, answer: SimulatedAnswer) {
    switch model.submit(keys) {
    case .taken(let accepted, let skipped):
      ledger.take(exchange.ordinal, elements: keys, accepted: accepted, skipped: skipped)
      return (true, profile.transferAccepted)
    case .refused(let refusal, let accepted, let skipped):
      if accepted + skipped > 0 {
        ledger.take(
          exchange.ordinal, elements: keys.prefix(accepted + skipped), accepted: accepted, skipped: skipped)
      }
      return (false, profile.refusal(refusal))
    }
  }

  /// A request that could not be read, with its answer.
  struct Unreadable: Error {
    let answer: SimulatedAnswer
  }

  /// The elements in the `file` part.
  private func elements(_ body: Data, _ request: Request) -> Result<[ElementKey], Unreadable> {
    func refuse(_ code: String, _ message: String) -> Result<[ElementKey], Unreadable> {
      .failure(Unreadable(answer: profile.error(400, code, message)))
    }
    guard let form = MultipartForm(contentType: request.headers[.contentType] ?? "", body: body) else {
      return refuse("parameter_invalid", "The request body is not multipart/form-data")
    }
    guard let file = form["file"] else {
      return refuse("parameter_not_provided", "The file parameter was not provided")
    }
    do throws(TransferElement.Problem) {
      return .success(try TransferElement.decode(file.content).map(\.key))
    } catch {
      switch error {
      case .notAnArray:
        return refuse("parameter_invalid", "The file parameter is not a JSON array with elements")
      case .missing(let field, let position):
        return refuse(
          "parameter_not_provided", "The \(field) parameter of element \(position) was not provided")
      case .wrongType(let field, let position):
        return refuse("parameter_invalid", "The \(field) parameter of element \(position) is not valid")
      }
    }
  }
}

extension RequestHandler {
  /// Answers everything but transfers requests.
  func answer(_ route: Route, _ exchange: Exchange, _ request: Request, _ body: Data) -> SimulatedAnswer {
    switch route {
    case .nowhere: return profile.error(404, "endpoint_not_found", "There is nothing at this address")
    case .wrongMethod:
      return profile.error(405, "method_not_allowed", "\(request.method.rawValue) is not allowed here")
    case .otherVersion:
      return profile.error(404, "api_upgrade_required", "This endpoint is not part of \(profile.rawValue)")
    case .endpoint(let endpoint, let id):
      guard exchange.keyMatched else { return profile.unauthorized(key: exchange.key) }
      switch endpoint {
      case .list: return list(exchange.query)
      case .get: return task(id) { $0.json(profile, now: configuration.clock.now, isDetailed: true) }
      case .videoID: return task(id, videoID)
      case .counts: return counts(exchange.query)
      case .create: return create(body, request)
      case .delete: return delete(id)
      case .indexes: return indexes()
      default: return profile.error(500, "internal_server_error", "Something went wrong")
      }
    }
  }

  private func list(_ query: QueryString) -> SimulatedAnswer {
    let modes = model.listingModes
    if modes.contains(.fails) { return profile.error(500, "internal_server_error", "Something went wrong") }
    if modes.contains(.missing) { return answerMissingListing }
    do throws(TaskQuery.Invalid) {
      let page = model.list(try TaskQuery(query, maximumLimit: profile.maximumPageLimit))
      let now = configuration.clock.now
      return collection(
        page.rows.map { $0.json(profile, now: now, isDetailed: false) }, page, type: "index_task_list")
    } catch {
      return profile.error(400, "parameter_invalid", "The \(error.parameter) parameter is invalid")
    }
  }

  private var answerMissingListing: SimulatedAnswer {
    profile.error(404, "endpoint_not_found", "There is nothing at this address")
  }

  private func collection(_ rows: [JSONText], _ page: TaskPage, type: String) -> SimulatedAnswer {
    let info = JSONText.object([
      ("limit_per_page", .integer(page.limit)), ("page", .integer(page.page)),
      ("total_page", .integer(page.totalPages)), ("total_results", .integer(page.totalResults)),
    ])
    let members: [(String, JSONText)] = [("data", .array(rows)), ("page_info", info)]
    return .json(200, .object(members + (profile.hasTypes ? [("type", .string(type))] : [])))
  }

  private func task(_ id: String, _ render: (TaskView) -> JSONText) -> SimulatedAnswer {
    model.task(id: id).map { .json(200, render($0)) }
      ?? profile.error(404, "resource_not_exist", "Resource with id \(id) does not exist")
  }

  private func videoID(_ view: TaskView) -> JSONText {
    let known: [(String, JSONText)] = view.status == .ready ? [("_id", .string(view.task.videoID))] : []
    return .object(known + [("exist", .bool(view.status == .ready)), ("type", "index_task_video_id")])
  }

  private func counts(_ query: QueryString) -> SimulatedAnswer {
    guard let indexID = query["index_id"] else {
      return profile.error(400, "parameter_not_provided", "The index_id parameter was not provided")
    }
    let counts = model.counts(indexID: indexID)
    // The service's own sample has no `queued`.
    let shown: [TransferTask.Status] = [.ready, .validating, .pending, .indexing, .failed]
    return .json(
      200,
      .object(
        [("index_id", .string(indexID))] + shown.map { ($0.rawValue, .integer(counts[$0] ?? 0)) }
          + [("total_result", .integer(counts.values.reduce(0, +)))]))
  }

  private func create(_ body: Data, _ request: Request) -> SimulatedAnswer {
    guard let form = TaskForm(contentType: request.headers[.contentType] ?? "", body: body) else {
      return profile.error(400, "parameter_invalid", "The request body is not multipart/form-data")
    }
    for name in ["index_id", "language"] where (form.text(name) ?? "").isEmpty {
      return profile.error(400, "parameter_not_provided", "The \(name) parameter was not provided")
    }
    guard form.text("language") == "en" else {
      return profile.error(400, "parameter_invalid", "The language parameter is invalid")
    }
    guard let url = form.text("video_url") ?? form.fileName("video_file"), !url.isEmpty else {
      return profile.error(400, "parameter_not_provided", "The video_url parameter was not provided")
    }
    let indexID = form.text("index_id") ?? ""
    switch model.create(indexID: indexID, url: url) {
    case .success(let task):
      let rest: [(String, JSONText)] =
        profile.hasTypes
        ? [("message", "Successfully created an indexing task"), ("type", "index_task_create")] : []
      return .json(200, .object([("_id", .string(task.id))] + rest))
    case .failure: return profile.refusal(.indexGone(indexID))
    }
  }

  private func delete(_ id: String) -> SimulatedAnswer {
    switch model.delete(id: id) {
    case .deleted: SimulatedAnswer(status: 204)
    case .notThere: profile.error(404, "resource_not_exist", "Resource with id \(id) does not exist")
    case .stillWorking:
      profile.error(400, "task_cannot_be_deleted", "Only tasks that are ready or failed can be deleted")
    }
  }

  private func indexes() -> SimulatedAnswer {
    let ids = model.indexIDs
    let now = TimeText.rfc3339(configuration.clock.now)
    let rows = ids.map { id in
      // What the vendor's SDK expects of an index; clients do not read its times.
      JSONText.object([
        ("_id", .string(id)), ("index_name", .string("index \(id)")), ("created_at", .string(now)),
        ("updated_at", .string(now)), ("engines", .array([])),
        ("video_count", .integer(model.counts(indexID: id)[.ready] ?? 0)), ("total_duration", .integer(0)),
      ])
    }
    let page = TaskPage(
      rows: [], limit: max(10, ids.count), page: 1, totalPages: ids.isEmpty ? 0 : 1, totalResults: ids.count)
    return collection(rows, page, type: "index_list")
  }
}
