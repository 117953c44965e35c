/// A way in which the task listing can be hard to read.
package enum ListingMode: String, Sendable, CaseIterable {
  /// Answers 500.
  case fails
  /// Answers 404, as if the endpoint were not there.
  case missing
  /// After each page read, a task that nobody here submitted appears in the index, so that rows shift.
  case shifting
  /// Every page but the first begins with the last row of the page before.
  case repeating
  /// `page_info` says 0 for page, pages and results.
  case zeroTotals = "zero-totals"
  /// File names are UUIDs.
  case uuidFilenames = "uuid-filenames"
  /// Times come with no, short, long fractions, another offset, or no zone.
  case variedTimes = "varied-times"
}
