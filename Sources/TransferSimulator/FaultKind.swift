/// What the simulator can do to a transfers request instead of serving it well.
package enum FaultKind: String, Sendable, CaseIterable, Codable {
  /// Serves the request, and answers after the rule's wait.
  case delay
  /// Does the work at once, and answers only after the stall time, which should exceed the client's time-out.
  case slow
  /// Does no work, says nothing for the stall time, and then closes the connection.
  case stall
  /// Says nothing until the other side has gone, and does the work that long after: as a gateway may do that
  /// continues with a request whose sender has gone.
  case late
  /// 504 with an HTML page; does the work that long after the answer.
  case gatewayLate = "gateway-late"
  /// Resets the connection (RST) without doing the work. By request number the body is not even read.
  case resetBefore = "reset-before"
  /// Does the work, then resets the connection (RST): the answer is lost.
  case resetAfter = "reset-after"
  /// Does the work, then closes the connection in order (FIN) without an answer.
  case closeAfter = "close-after"
  /// 429 with `Retry-After` in seconds.
  case throttle
  /// 429 with `Retry-After` as an HTTP date.
  case throttleDate = "throttle-date"
  /// 429 with `X-Ratelimit-Reset` and no `Retry-After`.
  case throttleReset = "throttle-reset"
  /// 429 that does not say how long to wait.
  case throttleBare = "throttle-bare"
  /// 503 that does not say how long to wait.
  case unavailable
  /// 503 with `Retry-After` in seconds.
  case unavailableWait = "unavailable-wait"
  /// 500 with a JSON body; no work is done.
  case error
  /// 500 with a JSON body, although the work was done.
  case errorAccepted = "error-accepted"
  /// 502 with an HTML page; no work is done.
  case badGateway = "bad-gateway"
  /// 200 with an HTML page; no work is done.
  case html
  /// Does the work; 200 whose body ends, with the connection, before its `Content-Length`.
  case truncated
  /// Does the work; 200 with a JSON content type and a body that is not JSON.
  case garbage
  /// Does the work; 204 without a body, in any profile.
  case empty
  /// 307 to another host; no work is done.
  case redirect
  /// Does the work; the body of the answer comes byte by byte.
  case dribble
  /// 401 that repeats the key it was given.
  case unauthorized
  /// 403 with code `api_not_allowed`.
  case forbidden
  /// 400 with code `insufficient_funds`.
  case insufficientFunds = "insufficient-funds"
  /// 400 with code `usage_limit_exceeded`.
  case usageLimit = "usage-limit"
  /// 413 with a JSON body.
  case tooLarge = "too-large"
  /// Does the work; 200 with a very long body.
  case huge

  /// Whether the elements are taken before the fault shows; with ``late`` and ``gatewayLate`` they are taken after it.
  package var doesWork: Bool {
    switch self {
    case .delay, .slow, .resetAfter, .closeAfter, .errorAccepted, .truncated, .garbage, .empty, .dribble,
      .huge:
      true
    case .stall, .late, .gatewayLate, .resetBefore, .throttle, .throttleDate, .throttleReset, .throttleBare,
      .unavailable,
      .unavailableWait, .error, .badGateway, .html, .redirect, .unauthorized, .forbidden,
      .insufficientFunds, .usageLimit, .tooLarge:
      false
    }
  }
}
