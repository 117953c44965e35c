/// The machine's clock was set while this process ran.
package struct ClockStep: Sendable, Equatable {
  /// What the clock showed when the step was noticed.
  package var noticedAt: Timestamp
  /// How far it was set; negative when it was set back.
  package var by: Duration

  /// A step that was noticed.
  package init(noticedAt: Timestamp, by: Duration) {
    self.noticedAt = noticedAt
    self.by = by
  }
}
