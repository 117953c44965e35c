import Synchronization

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

/// Counts requests against a budget. Refused requests are not counted.
final class BudgetMeter: Sendable {
  /// Where the budget stands after a request.
  struct Reading {
    var isAllowed: Bool
    var limit: Int
    var used: Int
    /// When a request will be allowed again, or when the window ends; milliseconds since 1970.
    var resetsAt: Int64
  }

  let budget: RequestBudget
  private let taken = Mutex<[Int64]>([])

  init(_ budget: RequestBudget) {
    self.budget = budget
  }

  /// Asks for one more request at `now`.
  func take(at now: Int64) -> Reading {
    let window = max(1, budget.window.wholeMilliseconds)
    return taken.withLock { taken in
      let start = budget.isRolling ? now - window + 1 : now / window * window
      let expired = taken.prefix { $0 < start }.count
      taken.removeFirst(expired)
      let isAllowed = taken.count < budget.limit
      if isAllowed { taken.append(now) }
      let end = budget.isRolling ? (taken.first ?? now) + window : start + window
      return Reading(isAllowed: isAllowed, limit: budget.limit, used: taken.count, resetsAt: end)
    }
  }
}
