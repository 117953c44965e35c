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
