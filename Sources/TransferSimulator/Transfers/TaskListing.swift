import Foundation

/// What a listing was asked for.
package struct TaskQuery: Sendable {
  /// The member to sort by.
  package enum Order: String, Sendable {
    /// By the time the task was made.
    case createdAt = "created_at"
    /// By the last change of state.
    case updatedAt = "updated_at"
  }

  /// The page, from 1.
  package var page = 1
  /// Rows per page.
  package var limit = 10
  /// What rows are sorted by.
  package var order = Order.createdAt
  /// Whether the newest come first.
  package var isDescending = true
  /// Only tasks of this index.
  package var indexID: String?
  /// Only tasks with this file name.
  package var filename: String?
  /// Only tasks in one of these states; empty means any.
  package var statuses: Set<String> = []
  /// Only the task with this identifier.
  package var id: String?

  /// The first page of everything.
  package init() {}
}

/// One page of a listing.
package struct TaskPage: Sendable {
  /// The rows.
  package var rows: [TaskView]
  /// The rows per page asked for.
  package var limit: Int
  /// The page number as shown.
  package var page: Int
  /// The number of pages as shown.
  package var totalPages: Int
  /// The number of rows as shown.
  package var totalResults: Int
}

/// A task as listings show it at one moment.
package struct TaskView: Sendable, Equatable {
  /// The task.
  package let task: TransferTask
  /// Its state at that moment.
  package let status: TransferTask.Status
  /// `created_at` in milliseconds since 1970, with the configured offset.
  package let createdAt: Int64
  /// `updated_at`: the last change of state.
  package let updatedAt: Int64
  /// `estimated_time`: when the task should be done.
  package let estimatedAt: Int64
  /// The file name shown, which may be a UUID.
  package let filename: String
  /// Whether times are spelled in varied ways.
  let hasVariedTimes: Bool
}

extension TaskView {
  /// The task as listings show it, and with `isDetailed` as the single-task endpoint does.
  func json(_ profile: SimulatorProfile, now: Int64, isDetailed: Bool) -> JSONText {
    var members: [(String, JSONText)] = [
      ("_id", .string(task.id)), ("index_id", .string(task.indexID)), ("status", .string(status.rawValue)),
      ("created_at", time(createdAt)), ("updated_at", time(updatedAt)), ("estimated_time", time(estimatedAt)),
      (
        "metadata",
        .object([
          ("duration", .number(10 + Double(task.draw % 7_000_000) / 1000)), ("filename", .string(filename)),
          ("height", .integer(480)), ("width", .integer(854)),
        ])
      ),
    ]
    if isDetailed && status == .ready { members.append(("video_id", .string(task.videoID))) }
    if isDetailed && status == .indexing {
      let total = max(1, estimatedAt - updatedAt)
      let left = max(0, min(total, estimatedAt - createdAt - (now - task.acceptedAt)))
      members.append(
        (
          "process",
          .object([
            ("percentage", .integer(Int(100 - left * 100 / total))),
            ("remain_seconds", .integer(Int(left / 1000))),
          ])
        ))
    }
    // Nobody documents it, and some do.
    if isDetailed && status == .failed && task.draw.isMultiple(of: 2) {
      members.append(("error_message", "The video has no audio track"))
    }
    if isDetailed && profile.hasTypes { members.append(("type", "index_task_info")) }
    return .object(members)
  }

  private func time(_ milliseconds: Int64) -> JSONText {
    .string(
      hasVariedTimes
        ? TimeText.varied(milliseconds, variant: task.draw >> 8) : TimeText.rfc3339(milliseconds))
  }
}

extension TaskQuery {
  /// A parameter that the listing does not take.
  struct Invalid: Error {
    let parameter: String
  }

  /// Reads the parameters of a listing; unknown ones are ignored.
  init(_ query: QueryString, maximumLimit: Int) throws(Invalid) {
    self.init()
    page = try TaskQuery.number(query, "page", 1, 1_000_000_000)
    limit = try TaskQuery.number(query, "page_limit", 10, maximumLimit)
    if let text = query["sort_by"] {
      guard let order = Order(rawValue: text) else { throw Invalid(parameter: "sort_by") }
      self.order = order
    }
    if let text = query["sort_option"] {
      guard text == "asc" || text == "desc" else { throw Invalid(parameter: "sort_option") }
      isDescending = text == "desc"
    }
    indexID = query["index_id"]
    filename = query["filename"]
    statuses = Set(query.all("status"))
    id = query["_id"]
  }

  private static func number(
    _ query: QueryString, _ name: String, _ standard: Int, _ maximum: Int
  ) throws(Invalid) -> Int {
    guard let text = query[name] else { return standard }
    guard let value = Int(text), (1...maximum).contains(value) else { throw Invalid(parameter: name) }
    return value
  }
}
