import HTTPTypes
import HummingbirdCore

extension RequestHandler {
  /// Carries out a fault for which no work is done.
  func sendWithoutWork(
    _ rule: FaultRule, _ exchange: Exchange, _ request: Request, _ writer: consuming ResponseWriter
  ) async throws {
    switch rule.kind {
    case .resetBefore: try await drop(exchange, withReset: true)
    case .stall:
      try await configuration.clock.sleep(for: rule.wait ?? configuration.stallTime)
      try await drop(exchange, withReset: false)
    default:
      try await send(refusal(rule, exchange, request), exchange, writer)
    }
  }

  private func refusal(_ rule: FaultRule, _ exchange: Exchange, _ request: Request) -> Answer {
    switch rule.kind {
    case .unauthorized: return profile.unauthorized(key: exchange.key)
    case .forbidden: return profile.error(403, "api_not_allowed", "This API is not allowed for your account")
    case .insufficientFunds:
      return profile.error(400, "insufficient_funds", "Your account has no credit left")
    case .usageLimit: return profile.error(400, "usage_limit_exceeded", "Your usage limit has been exceeded")
    case .tooLarge: return tooLarge
    case .badGateway: return .html(502, "502 Bad Gateway")
    case .html: return .html(200, "Please log in")
    case .redirect:
      let target = configuration.redirectTarget ?? "http://elsewhere.invalid\(request.head.path ?? "/")"
      return Answer(status: 307, headers: [("Location", target)])
    case .throttle, .throttleDate, .throttleReset, .throttleBare, .unavailable, .unavailableWait:
      let now = configuration.clock.now
      let limit = configuration.budget?.limit ?? 50
      let wait = (rule.wait ?? configuration.throttleWait).wholeMilliseconds
      return profile.wait(rule.kind, now: now, resetsAt: now + wait, limit: limit, used: limit)
    default: return profile.error(500, "internal_server_error", "Something went wrong")
    }
  }

  /// Changes, delays or loses the answer to a request whose work is done.
  ///
  /// A request that the model refused keeps its refusal where the fault would have shown an accepted body.
  func apply(_ rule: FaultRule, to answer: Answer, isTaken: Bool, _ exchange: Exchange) async throws -> Answer
  {
    switch rule.kind {
    case .delay, .slow:
      try await configuration.clock.sleep(for: rule.wait ?? configuration.stallTime)
      return answer
    case .resetAfter: try await drop(exchange, withReset: true)
    case .closeAfter: try await drop(exchange, withReset: false)
    case .errorAccepted: return profile.error(500, "internal_server_error", "Something went wrong")
    case .dribble:
      var changed = isTaken ? profile.transferAcceptedWithBody : answer
      changed.delivery = .dribbled(rule.wait ?? configuration.dribbleInterval)
      return changed
    default:
      return isTaken ? accepted(rule) ?? answer : answer
    }
  }

  /// The odd forms of an accepted answer.
  private func accepted(_ rule: FaultRule) -> Answer? {
    var answer = profile.transferAcceptedWithBody
    switch rule.kind {
    case .empty: return Answer(status: 204)
    case .garbage: answer.body = "{\"message\": Succesfully requested \u{FFFD}\u{1} <<<"
    case .truncated: answer.delivery = .truncated
    case .huge: answer.delivery = .huge(rule.bytes ?? configuration.hugeBytes)
    default: return nil
    }
    return answer
  }
}
