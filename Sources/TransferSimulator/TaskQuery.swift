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
