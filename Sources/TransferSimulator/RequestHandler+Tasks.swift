import Foundation
import HTTPTypes
import HummingbirdCore

extension RequestHandler {
  /// Answers everything but transfers requests.
  func answer(_ route: Route, _ exchange: Exchange, _ request: Request, _ body: Data) -> Answer {
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
      case .transfers, .unknown: return profile.error(500, "internal_server_error", "Something went wrong")
      }
    }
  }

  private func list(_ query: QueryString) -> Answer {
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

  private var answerMissingListing: Answer {
    profile.error(404, "endpoint_not_found", "There is nothing at this address")
  }

  private func collection(_ rows: [JSONText], _ page: TaskPage, type: String) -> Answer {
    let info = JSONText.object([
      ("limit_per_page", .integer(page.limit)), ("page", .integer(page.page)),
      ("total_page", .integer(page.totalPages)), ("total_results", .integer(page.totalResults)),
    ])
    let members: [(String, JSONText)] = [("data", .array(rows)), ("page_info", info)]
    return .json(200, .object(members + (profile.hasTypes ? [("type", .string(type))] : [])))
  }

  private func task(_ id: String, _ render: (TaskView) -> JSONText) -> Answer {
    model.task(id: id).map { .json(200, render($0)) }
      ?? profile.error(404, "resource_not_exist", "Resource with id \(id) does not exist")
  }

  private func videoID(_ view: TaskView) -> JSONText {
    let known: [(String, JSONText)] = view.status == .ready ? [("_id", .string(view.task.videoID))] : []
    return .object(known + [("exist", .bool(view.status == .ready)), ("type", "index_task_video_id")])
  }

  private func counts(_ query: QueryString) -> Answer {
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

  private func create(_ body: Data, _ request: Request) -> Answer {
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

  private func delete(_ id: String) -> Answer {
    switch model.delete(id: id) {
    case .deleted: Answer(status: 204)
    case .notThere: profile.error(404, "resource_not_exist", "Resource with id \(id) does not exist")
    case .stillWorking:
      profile.error(400, "task_cannot_be_deleted", "Only tasks that are ready or failed can be deleted")
    }
  }

  private func indexes() -> Answer {
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
