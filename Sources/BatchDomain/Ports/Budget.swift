/// What a service counts requests by, each with limits of its own: all requests of one budget pass one gate, and a wait
/// that is asked for holds that budget back.
package struct Budget: Sendable, Hashable, CustomStringConvertible {
  /// The name, for example `transfer`.
  package let name: String

  /// The budget of that name.
  package init(_ name: String) { self.name = name }

  /// The budget that requests of a step use up.
  package init(_ step: ChunkStep) { name = step.rawValue }

  /// The name.
  package var description: String { name }
}

extension ChunkStep {
  /// The step whose requests use up a budget; of one that requests use up which only read, a step of that name, which no
  /// chunk has.
  package init(_ budget: Budget) { self.init(rawValue: budget.name) }
}

/// The budgets of a service, by what passes them.
package struct Budgets: Sendable, Equatable {
  /// Those of the steps that submit, the one whose step goes first in front.
  package var sending: [Budget]
  /// The one that requests which only read pass; it may be one of those that submit.
  package var reading: Budget

  /// Budgets of a service.
  ///
  /// - Parameter sending: one at least, no two of one name.
  package init(sending: [Budget], reading: Budget) {
    precondition(!sending.isEmpty && Set(sending).count == sending.count)
    self.sending = sending
    self.reading = reading
  }

  /// One budget for all requests.
  package init(_ budget: Budget) { self.init(sending: [budget], reading: budget) }
}
