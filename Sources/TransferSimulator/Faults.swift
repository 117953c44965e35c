import Synchronization

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

extension FaultRule {
  /// Reads `throttle:0.05`, `throttle=5s:0.05*3`, `reset-after@3`, `unauthorized@5+`, `delay=2s@4-9`, `huge=8MiB@1`.
  ///
  /// The parameter may also be joined by a colon (`delay:2s:0.1`).
  package init(text: String) throws(FaultRuleError) {
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
    "fault '\(text)': \(reason); expected KIND[=PARAMETER]:SHARE[*HITS], KIND[=PARAMETER]@N, @N+ or @N-M"
  }
}

/// Chooses the fault for each transfers request.
///
/// A share is drawn from the seed, the first element of the chunk and how often that element came first
/// before. So the same run meets the same faults whatever its concurrency.
final class FaultPlan: Sendable {
  private struct State {
    var rules: [FaultRule]
    var history: [ElementKey: (seen: Int, hitsInRow: Int)] = [:]
  }

  private let seed: UInt64
  private let state: Mutex<State>

  init(rules: [FaultRule], seed: UInt64) {
    self.seed = seed
    self.state = Mutex(State(rules: rules))
  }

  /// Replaces the rules and forgets which chunks were hit.
  func replace(_ rules: [FaultRule]) {
    state.withLock { $0 = State(rules: rules) }
  }

  /// The first rule that names request `number`, counted from 1 since the start of the server.
  func fault(request number: Int) -> FaultRule? {
    state.withLock { $0.rules.first { $0.names(request: number) } }
  }

  /// Draws for one more sight of the chunk that begins with `key`.
  func fault(firstElement key: ElementKey) -> FaultRule? {
    state.withLock { state in
      var past = state.history[key] ?? (seen: 0, hitsInRow: 0)
      let drawn = state.rules.enumerated().first { position, rule in
        guard case .share(let share) = rule.trigger, past.hitsInRow < rule.maxHits else { return false }
        let hash = SeededHash(seed: seed).adding(key.indexID).adding(key.object)
        return hash.adding(past.seen).adding(position).unit < share
      }
      past.seen += 1
      past.hitsInRow = drawn == nil ? 0 : past.hitsInRow + 1
      state.history[key] = past
      return drawn?.element
    }
  }
}

/// A hash that is the same in every process: draws made from it do not depend on the order of arrivals.
struct SeededHash {
  private var state: UInt64

  /// Starts a hash for `seed`; FNV-1a over the parts, mixed at the end as splitmix64 does.
  init(seed: UInt64) {
    state = 0xcbf2_9ce4_8422_2325 ^ seed
  }

  /// A copy with `text` and a separator mixed in.
  func adding(_ text: String) -> SeededHash {
    var copy = self
    for byte in text.utf8 { copy.add(byte) }
    copy.add(0xFF)
    return copy
  }

  /// A copy with `number` mixed in.
  func adding(_ number: Int) -> SeededHash {
    var copy = self
    withUnsafeBytes(of: Int64(number).littleEndian) { for byte in $0 { copy.add(byte) } }
    return copy
  }

  /// All bits of the hash.
  var value: UInt64 {
    var mixed = state &+ 0x9e37_79b9_7f4a_7c15
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// The hash as a number from 0 up to but not including 1.
  var unit: Double { Double(value >> 11) * 0x1p-53 }

  /// The hash as `digits` lowercase hexadecimal digits.
  func hex(_ digits: Int) -> String {
    var text = ""
    var part = 0
    while text.count < digits {
      let word = String(adding(part).value, radix: 16)
      text += String(repeating: "0", count: 16 - word.count) + word
      part += 1
    }
    return String(text.prefix(digits))
  }

  private mutating func add(_ byte: UInt8) {
    state = (state ^ UInt64(byte)) &* 0x100_0000_01b3
  }
}

extension Duration {
  /// The duration in milliseconds, rounded down.
  package var wholeMilliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }

  /// The duration in whole seconds, rounded up, as waits are announced.
  var secondsRoundedUp: Int64 {
    components.seconds + (components.attoseconds > 0 ? 1 : 0)
  }

  /// Reads `500ms`, `30s`, `2h`, `1h30m`, `1d`; nil when the text is anything else.
  package init?(text: String) {
    var total = Duration.zero
    var rest = Substring(text)
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let count = Int64(digits), count <= 1_000_000_000 else { return nil }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      switch unit {
      case "ms": total += .milliseconds(count)
      case "s": total += .seconds(count)
      case "m", "min": total += .seconds(count * 60)
      case "h": total += .seconds(count * 3600)
      case "d": total += .seconds(count * 86400)
      default: return nil
      }
    }
    self = total
  }
}
