/// How many transfers requests the service takes in a window of time; more are answered 429.
package struct RequestBudget: Sendable, Equatable {
  /// Requests per window.
  package var limit: Int
  /// Length of the window.
  package var window: Duration
  /// Whether the window moves with time; otherwise windows follow each other from 1970 on.
  package var isRolling: Bool
  /// How the refusal tells the wait; nil means as the profile does: `Retry-After`, in v1.2 `X-Ratelimit-Reset`.
  package var form: FaultKind?

  /// A budget of `limit` requests per `window`.
  package init(limit: Int, window: Duration, isRolling: Bool = true, form: FaultKind? = nil) {
    self.limit = limit
    self.window = window
    self.isRolling = isRolling
    self.form = form
  }

  /// Reads `N/DURATION`, for example `60/1m`; nil when the text is anything else.
  package init?(text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let limit = Int(parts[0]), limit > 0,
      let window = Duration(text: String(parts[1])),
      window > .zero
    else { return nil }
    self.init(limit: limit, window: window)
  }
}
