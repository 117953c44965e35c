/// What the simulator can do to a request instead of serving it well.
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
  /// Does the work; an answer without a body: 204 to a transfers request, else with its own status.
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
  /// Does the work; the answer is a success that does not name what was made. With v1.3 only, as all that follow.
  case withoutID = "without-id"
  /// 400 whose code and message are members of `error`.
  case nestedError = "nested-error"
  /// 400 with code `parameter_invalid`.
  case refused
  /// 400 with code `unsupported_file_type`.
  case unsupported
  /// Makes an asset or an indexed asset that never gets beyond its first state.
  case stuck
  /// Makes an asset that fails with a message, or an indexed asset that fails without a reason.
  case fails
  /// Makes an asset that is gone as soon as it would be ready.
  case vanishes
  /// Makes an asset or an indexed asset with a state that no documentation names, until it is ready.
  case oddStatus = "odd-status"
  /// From this request on its index does not exist any more.
  case indexGone = "index-gone"
  /// 400 with code `ExpiredToken`; of the small S3 only.
  case expiredToken = "expired-token"

  /// Whether it belongs to a call of profile v1.3 or of the small S3.
  package var needsCall: Bool {
    switch self {
    case .withoutID, .nestedError, .refused, .unsupported, .stuck, .fails, .vanishes, .oddStatus, .indexGone,
      .expiredToken:
      true
    default: false
    }
  }

  /// Whether the elements are taken before the fault shows; with ``late`` and ``gatewayLate`` they are taken after it.
  package var doesWork: Bool {
    switch self {
    case .delay, .slow, .resetAfter, .closeAfter, .errorAccepted, .truncated, .garbage, .empty, .dribble,
      .huge, .withoutID, .stuck, .fails, .vanishes, .oddStatus:
      true
    case .stall, .late, .gatewayLate, .resetBefore, .throttle, .throttleDate, .throttleReset, .throttleBare,
      .unavailable,
      .unavailableWait, .error, .badGateway, .html, .redirect, .unauthorized, .forbidden,
      .insufficientFunds, .usageLimit, .tooLarge, .nestedError, .refused, .unsupported, .indexGone,
      .expiredToken:
      false
    }
  }
}

/// The calls of profile v1.3 and of the small S3 that faults are given for. Requests are counted for each of them apart.
package enum FaultCall: String, Sendable, CaseIterable {
  /// `POST /assets`.
  case upload
  /// `POST /indexes/ID/indexed-assets`.
  case index
  /// `GET /assets`.
  case assets
  /// `GET /assets/ID`.
  case asset
  /// `GET /assets/ID/indexed-assets`.
  case byAsset = "by-asset"
  /// `GET /indexes/ID/indexed-assets`.
  case indexed
  /// `GET /indexes/ID/indexed-assets/ID`.
  case indexedAsset = "indexed-asset"
  /// `GET /indexes` and `GET /indexes/ID`.
  case indexes
  /// Every GET of profile v1.3.
  case read
  /// Every request of profile v1.3.
  case any
  /// ListObjectsV2.
  case s3List = "s3-list"
  /// GET of an object.
  case s3Get = "s3-get"
  /// HEAD of an object or a bucket.
  case s3Head = "s3-head"
  /// Every request to the small S3.
  case s3
}

/// Says which requests meet a fault, and how that fault looks.
package struct FaultRule: Sendable, Equatable {
  /// Which requests are met.
  package enum Trigger: Sendable, Equatable {
    /// This share of requests, 0...1, drawn per chunk and not by order of arrival.
    case share(Double)
    /// Requests by number, from 1; the upper bound nil means all that follow.
    case requests(from: Int, through: Int?)
  }

  /// The call it happens to; nil stands for transfers requests.
  package var call: FaultCall?
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

  /// The same fault for a call of profile v1.3 or of the small S3.
  package func on(_ call: FaultCall) -> FaultRule {
    var copy = self
    copy.call = call
    return copy
  }

  /// Whether the rule names request `number`.
  func names(request number: Int) -> Bool {
    guard case .requests(let first, let last) = trigger else { return false }
    return number >= first && number <= last ?? .max
  }
}

extension FaultRule {
  /// Reads `throttle:0.05`, `throttle=5s:0.05*3`, `reset-after@3`, `unauthorized@5+`, `delay=2s@4-9`, `huge=8MiB@1`, and
  /// the same with a call in front: `upload/reset-after@3`.
  ///
  /// The parameter may also be joined by a colon (`delay:2s:0.1`).
  package init(text: String) throws(FaultRuleError) {
    let call: FaultCall?
    var text = text
    if let slash = text.firstIndex(of: "/") {
      call = FaultCall(rawValue: String(text[..<slash]))
      guard call != nil else { throw FaultRuleError(text: text, reason: "no such call") }
      text.removeSubrange(...slash)
    } else {
      call = nil
    }
    try self.init(kindAndTrigger: text)
    self.call = call
    guard call != nil || !kind.needsCall else {
      throw FaultRuleError(text: text, reason: "a fault of a call of v1.3 or of S3, such as upload/\(text)")
    }
  }

  private init(kindAndTrigger text: String) throws(FaultRuleError) {
    let mark = text.lastIndex(of: "@") ?? text.lastIndex(of: ":")
    guard let mark else { throw FaultRuleError(text: text, reason: "no share and no request number") }
    let head = text[..<mark].split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "=" || $0 == ":" }
    let tail = text[text.index(after: mark)...]
    guard let kind = head.first.flatMap({ FaultKind(rawValue: String($0)) }) else {
      throw FaultRuleError(text: text, reason: "no such kind of fault")
    }
    self.init(kind, share: 0)
    if head.count > 1 { try setParameter(String(head[1]), text) }
    if text[mark] == "@" {
      try setRequests(tail, text)
    } else {
      try setShare(tail, text)
    }
  }

  private mutating func setParameter(_ parameter: String, _ text: String) throws(FaultRuleError) {
    if kind == .huge {
      let units = ["MiB": 1 << 20, "MB": 1_000_000, "KiB": 1 << 10, "B": 1]
      let digits = parameter.prefix { $0.isNumber }
      guard let count = Int(digits), let unit = units[String(parameter.dropFirst(digits.count))],
        count <= 1 << 20
      else { throw FaultRuleError(text: text, reason: "'\(parameter)' is not a size") }
      bytes = count * unit
    } else {
      guard let duration = Duration(text: parameter) else {
        throw FaultRuleError(text: text, reason: "'\(parameter)' is not a duration")
      }
      wait = duration
    }
  }

  private mutating func setShare(_ tail: Substring, _ text: String) throws(FaultRuleError) {
    let parts = tail.split(separator: "*", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let share = Double(first), (0...1).contains(share) else {
      throw FaultRuleError(text: text, reason: "'\(tail)' is not a share from 0 to 1")
    }
    trigger = .share(share)
    if parts.count > 1 {
      guard let hits = Int(parts[1]), hits > 0 else {
        throw FaultRuleError(text: text, reason: "'\(parts[1])' is not a number of hits")
      }
      maxHits = hits
    }
  }

  private mutating func setRequests(_ tail: Substring, _ text: String) throws(FaultRuleError) {
    let isOpen = tail.hasSuffix("+")
    let bounds = (isOpen ? tail.dropLast() : tail)
      .split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard let first = bounds.first ?? nil, let last = bounds.last ?? nil, bounds.count <= (isOpen ? 1 : 2),
      first >= 1, last >= first
    else { throw FaultRuleError(text: text, reason: "'\(tail)' is not a request number or range") }
    trigger = .requests(from: first, through: isOpen ? nil : last)
  }
}

/// Says why a fault rule on the command line was refused.
package struct FaultRuleError: Error, Equatable, CustomStringConvertible {
  /// The rule as it was given.
  package let text: String
  /// What is wrong with it.
  package let reason: String

  /// A sentence fragment that names the rule and the reason.
  package var description: String {
    "fault '\(text)': \(reason); expected [CALL/]KIND[=PARAMETER]:SHARE[*HITS], [CALL/]KIND[=PARAMETER]@N, @N+ or @N-M"
  }
}
