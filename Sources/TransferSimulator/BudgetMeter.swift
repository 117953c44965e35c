import Synchronization

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
