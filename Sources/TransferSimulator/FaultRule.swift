/// Says which transfers requests meet a fault, and how that fault looks.
package struct FaultRule: Sendable, Equatable {
  /// Which requests are met.
  package enum Trigger: Sendable, Equatable {
    /// This share of requests, 0...1, drawn per chunk and not by order of arrival.
    case share(Double)
    /// Transfers requests by number, from 1; the upper bound nil means all that follow.
    case requests(from: Int, through: Int?)
  }

  /// What happens.
  package var kind: FaultKind
  /// To which requests it happens.
  package var trigger: Trigger
  /// The wait of `delay`, `slow`, `stall`, `late`, `gateway-late`, the throttles, `unavailable-wait`, and between the bytes of `dribble`.
  package var wait: Duration?
  /// The length of a `huge` body in bytes.
  package var bytes: Int?
  /// How often in a row one chunk may be hit by share rules, so that runs end.
  package var maxHits = 1

  /// A fault for a share of the requests.
  package init(
    _ kind: FaultKind, share: Double, maxHits: Int = 1, wait: Duration? = nil, bytes: Int? = nil
  ) {
    self.kind = kind
    self.trigger = .share(share)
    self.maxHits = maxHits
    self.wait = wait
    self.bytes = bytes
  }

  /// A fault for the n-th transfers request, counted from 1.
  package init(_ kind: FaultKind, request: Int, wait: Duration? = nil, bytes: Int? = nil) {
    self.init(kind, requests: request...request, wait: wait, bytes: bytes)
  }

  /// A fault for a range of transfers requests, counted from 1.
  package init(_ kind: FaultKind, requests: ClosedRange<Int>, wait: Duration? = nil, bytes: Int? = nil) {
    self.kind = kind
    self.trigger = .requests(from: requests.lowerBound, through: requests.upperBound)
    self.wait = wait
    self.bytes = bytes
  }

  /// A fault for the n-th transfers request, counted from 1, and all that follow.
  package init(_ kind: FaultKind, from request: Int, wait: Duration? = nil, bytes: Int? = nil) {
    self.kind = kind
    self.trigger = .requests(from: request, through: nil)
    self.wait = wait
    self.bytes = bytes
  }

  /// Whether the rule names request `number`.
  func names(request number: Int) -> Bool {
    guard case .requests(let first, let last) = trigger else { return false }
    return number >= first && number <= last ?? .max
  }
}
