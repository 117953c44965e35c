/// A page of rows, and where the next one begins. A page without rows need not be the last: the filter may have left
/// out all that was read.
package struct DetailPage<Row: Sendable, Cursor: Sendable>: Sendable {
  /// The rows.
  package var rows: [Row]
  /// Where the next page begins; `nil` after the last.
  package var next: Cursor?

  /// A page in its parts.
  package init(rows: [Row], next: Cursor?) {
    self.rows = rows
    self.next = next
  }
}
