/// One request, from its arrival to its answer.
package struct LedgerEntry: Sendable, Equatable {
  /// The number of the request among all, from 1.
  package let ordinal: Int
  /// The number among transfers requests, from 1; nil for others.
  package let transfer: Int?
  /// What was called.
  package let endpoint: SimulatorEndpoint
  /// When the head of the request was read; milliseconds since 1970, by the simulator's clock.
  package let receivedAt: Int64
  /// The method.
  package let method: String
  /// The path with its query.
  package let path: String
  /// The headers, names in lower case; the values of `x-api-key` and `authorization` are `[redacted]`.
  package let headers: [String: String]
  /// Whether the right key came.
  package let keyMatched: Bool
  /// The connection, numbered from 1 in order of acceptance.
  package let connection: Int
  /// Transfers requests under way at arrival, this one included; 0 for other requests.
  package let inFlight: Int
  /// The elements, once the body was read and understood.
  package var elements: [ElementKey] = []
  /// Whether the service took the elements, all or those before a poisoned one.
  package var isTaken = false
  /// New elements.
  package var accepted = 0
  /// Elements skipped because they had been taken before.
  package var skipped = 0
  /// The fault that was applied.
  package var fault: FaultKind?
  /// When the answer was about to be complete, or the request was dropped; nil while under way.
  package var answeredAt: Int64?
  /// The status sent; nil while under way, and when none was sent or the client had gone.
  package var status: Int?
}
