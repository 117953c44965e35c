/// The reading side of the store for pictures of a run: what charts and maps need, gathered so that its size does
/// not grow with the run.
package protocol RunInsights: Sendable {
  /// How a run went so far. It is read part by part, so while the run goes on the parts may be of different
  /// moments.
  ///
  /// - Throws: ``StoreError`` with code `no_such_run`.
  func insight(into run: RunID) async throws -> RunInsight
}
