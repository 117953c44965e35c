internal import BatchDomain
package import ServiceHTTP

/// Reads a page of the service's list of tasks:
/// `{"data": [{"_id", "index_id", "created_at", "status", "metadata" or "system_metadata": {"filename"}}, ...],
/// "page_info": {"total_page"}}`.
///
/// What is missing from a list is evidence that a request was not received. So a page in which anything cannot be
/// understood is not read at all, rather than read without that row.
package struct TaskPageDecoder: Sendable {
  private let scrubber: Scrubber

  /// A key shorter than this is some stand-in's and may well be part of a file name.
  private static let realKeyLength = 16
  private let checksKey: Bool

  /// A decoder that lets no row pass that shows the key.
  package init(key: APIKey) {
    scrubber = Scrubber(key: key)
    checksKey = key.length >= Self.realKeyLength
  }

  /// The page, with its rows in their order.
  ///
  /// - Throws: `UnreadablePage` when the body is not such an object, or a row has no `_id`.
  package func page(_ body: [UInt8]) throws(UnreadablePage) -> TaskListPage {
    try ListPage(body, of: "the list of tasks") { task, what throws(UnreadablePage) in try row(task, what) }
  }

  /// One task.
  ///
  /// - Throws: `UnreadablePage` when the body is no object with an `_id`.
  package func task(_ body: [UInt8]) throws(UnreadablePage) -> TaskRow {
    guard let json = LenientJSON.parse(body) else { throw UnreadablePage("the task is not JSON") }
    return try row(json, "the task")
  }

  private func row(_ task: LenientJSON, _ what: String) throws(UnreadablePage) -> TaskRow {
    guard let id = task["_id"]?.string, !id.isEmpty else { throw UnreadablePage("\(what) has no `_id`") }
    let fileName = (task["metadata"]?["filename"] ?? task["system_metadata"]?["filename"])?.string
    let index = task["index_id"]?.string
    if checksKey, [id, fileName, index].contains(where: { $0.map(scrubber.findsKey) == true }) {
      throw UnreadablePage("\(what) shows the API key")
    }
    let status = task["status"]?.string
    return TaskRow(
      id: id, index: index.map(IndexID.init), fileName: fileName.map(FileName.init),
      createdAt: task["created_at"]?.string.flatMap(LenientTimestamp.parse),
      status: status.map { scrubber.scrub($0) },
      reason: status == "failed" ? VideoStatus.reason(in: task, scrubber: scrubber) : nil)
  }
}

/// The query of one page of the service's list of tasks, newest first.
///
/// Parameters as documented for v1 to v1.2: `index_id`, `page` from 1, `page_limit` (100 at most in v1, 50
/// later; more is refused), `sort_by`, `sort_option`.
struct TaskListQuery: Sendable {
  /// The index whose tasks are listed; `nil` for all: in every version the parameter is a filter.
  let index: IndexID?
  /// Page number from 1.
  let page: Int
  /// Rows per page.
  let limit: Int

  /// Path and query.
  func target(path: String) -> String {
    let filter = index.map { "index_id=\(PercentEncoding.query($0.rawValue.utf8))&" } ?? ""
    return "\(path)?\(filter)page=\(page)&page_limit=\(limit)&sort_by=created_at&sort_option=desc"
  }
}
