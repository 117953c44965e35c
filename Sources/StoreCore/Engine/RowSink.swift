package import BatchDomain

/// Takes many rows for one table. The columns of a row are put in the order that was named, all of them.
///
/// Good only in the call that handed it out, ``Connection/insert(into:_:rows:)``.
package protocol RowSink: AnyObject {
  /// Puts the value of the next column.
  func put(_ value: SQLValue) throws(StoreError)

  /// Puts bytes or UTF-8 text, as the column has it, without copying them if that can be helped: they have to stay where
  /// they are until ``endRow()``.
  func put(keeping bytes: UnsafeRawBufferPointer) throws(StoreError)

  /// Ends a row, all of whose columns were put.
  func endRow() throws(StoreError)
}

/// A sink of an engine that has something faster than a statement for each row.
package protocol BulkRowSink: RowSink {
  /// Sees to it that all rows are in the table. Without it none of them is.
  func finish() throws(StoreError)
}

/// A statement that is run for each row.
final class StatementSink: RowSink {
  private let statement: Statement
  private var column = 0

  init(_ statement: Statement) { self.statement = statement }

  func put(_ value: SQLValue) throws(StoreError) {
    column += 1
    try statement.bind(value, at: column)
  }

  func put(keeping bytes: UnsafeRawBufferPointer) throws(StoreError) {
    column += 1
    try statement.bind(keeping: bytes, at: column)
  }

  func endRow() throws(StoreError) {
    column = 0
    _ = try statement.step()
    statement.rewind()
  }
}
