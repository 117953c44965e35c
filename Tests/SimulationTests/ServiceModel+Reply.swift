import BatchDomain
import ServiceHTTP
import TestSupport

extension ServiceModel {
  /// What becomes of a request.
  struct Reply: Sendable {
    /// How many of its items are taken, from the first on.
    var takes = 0
    /// When, counted from its arrival.
    var takesAfter: Duration = .zero
    /// When the client has its answer; at the time-out or later for never.
    var answersAfter: Duration
    var exchange: Result<Answer, TransportFailure>

    var traced: String {
      let answer =
        switch exchange {
        case .success(let answer):
          "\(answer.status) \(answer.code ?? "") \(answer.wait.map { "\($0)" } ?? "")"
        case .failure(let failure): failure.code
        }
      return "\(takes) after \(takesAfter.inMilliseconds), \(answer) after \(answersAfter.inMilliseconds)"
    }
  }

  /// Decides what becomes of a request that just arrived.
  ///
  /// - Parameter isCalm: whether only its content can make it fail.
  func reply(to items: [Item], timeout: Duration, isCalm: Bool) -> Reply {
    if !isCalm {
      let elapsed = timeline.elapsed
      if let spell = weather.spells.first(where: { $0.from <= elapsed && elapsed < $0.to }) {
        return outage(spell, items, timeout)
      }
      if !weather.mishaps.isEmpty, dice.chance(weather.mishapOdds) {
        return mishap(dice.pick(weather.mishaps), items, timeout)
      }
    }
    return work(items, isCalm: isCalm)
  }

  /// The answer to a request that nothing gets in the way of.
  private func work(_ items: [Item], isCalm: Bool = false) -> Reply {
    let answersAfter = dice.spread(0...weather.slowness)
    if let refusal = refusal(of: items, isCalm: isCalm) {
      var reply = Reply(answersAfter: answersAfter, exchange: .success(refusal.answer))
      if weather.refusalsTakeParts, refusal.answer.status == 400 { reply.takes = refusal.readable }
      return reply
    }
    return Reply(
      takes: items.count, takesAfter: moment(before: answersAfter), answersAfter: answersAfter,
      exchange: .success(Answer(status: dice.pick([200, 200, 204]))))
  }

  /// When items are taken that are acknowledged then.
  private func moment(before answer: Duration) -> Duration {
    let unit = dice.source.nextUnit()
    return weather.answersLate ? answer * unit : max(.zero, answer - .milliseconds(20) * unit)
  }

  /// What the service has against the content of a request, and how many items come before that.
  private func refusal(of items: [Item], isCalm: Bool = false) -> (answer: Answer, readable: Int)? {
    if let limit = weather.sizeLimit, items.count > limit { return (Answer(status: 413), 0) }
    // Somebody makes it in the end: a run whose items all have that index is paused until then.
    if !isCalm, let place = items.firstIndex(where: { $0.index == weather.missingIndex }) {
      return (Answer(status: 404, code: "resource_not_exist"), place)
    }
    if let place = items.firstIndex(where: { weather.poisoned.contains($0.object) }) {
      return (
        Answer(status: 400, code: "parameter_invalid", message: "element \(place) is invalid"), place
      )
    }
    if let place = items.firstIndex(where: { weather.crashing.contains($0.object) }) {
      return (Answer(status: 500), place)
    }
    return nil
  }

  /// How many items a request whose answer says nothing was worked on: none, all, or some.
  private func amount(of items: [Item]) -> Int {
    let most = refusal(of: items).map { weather.takesParts ? $0.readable : 0 } ?? items.count
    switch dice.int(0...2) {
    case 0: return 0
    case 1: return weather.takesParts ? dice.int(0...most) : most
    default: return most
    }
  }

  /// A request whose answer says nothing, or never comes.
  ///
  /// - Parameter isHeld: whether something on the way may hold it after its attempt has ended.
  private func lost(
    _ items: [Item], answersAfter: Duration, _ exchange: Result<Answer, TransportFailure>,
    isHeld: Bool = false
  ) -> Reply {
    let latest = answersAfter + (isHeld ? max(weather.gatewayLateness, weather.lateness) : weather.lateness)
    return Reply(
      takes: amount(of: items), takesAfter: latest * dice.source.nextUnit(), answersAfter: answersAfter,
      exchange: exchange)
  }

  private func mishap(_ kind: Weather.Mishap, _ items: [Item], _ timeout: Duration) -> Reply {
    let soon = dice.spread(0...weather.slowness)
    func answer(_ status: Int, wait: Duration? = nil, mediaType: String? = nil) -> Result<
      Answer, TransportFailure
    > {
      .success(Answer(status: status, mediaType: mediaType, wait: wait))
    }
    switch kind {
    case .toldToWait:
      return Reply(answersAfter: soon, exchange: answer(429, wait: dice.milliseconds(1...12_000)))
    case .toldToSlowDown: return Reply(answersAfter: soon, exchange: answer(429))
    case .toldToWaitForNothing: return Reply(answersAfter: soon, exchange: answer(429, wait: .zero))
    case .busyWithWait:
      return Reply(answersAfter: soon, exchange: answer(503, wait: dice.milliseconds(1...5_000)))
    case .busy: return lost(items, answersAfter: soon, answer(503), isHeld: true)
    case .serverError:
      let status = dice.pick([500, 502, 504])
      return lost(items, answersAfter: soon, answer(status), isHeld: status != 500)
    case .statusTimeout:
      let status = dice.pick([408, 425])
      return lost(items, answersAfter: soon, answer(status), isHeld: status == 408)
    case .webPage: return lost(items, answersAfter: soon, answer(200, mediaType: "text/html"))
    case .refused: return Reply(answersAfter: soon, exchange: Self.refused)
    case .reset: return lost(items, answersAfter: soon, Self.reset)
    case .hang: return lost(items, answersAfter: timeout, Self.reset, isHeld: true)
    case .slow:
      var reply = work(items)
      reply.answersAfter = timeout * dice.source.nextUnit()
      reply.takesAfter = moment(before: reply.answersAfter)
      return reply
    case .quotaUsedUp:
      var reply = work(items)
      if refusal(of: items) == nil {
        reply.exchange = .success(
          Answer(status: 200, wait: dice.milliseconds(1...5_000), quotaUsedUp: true))
      }
      return reply
    }
  }

  private func outage(_ spell: Weather.Spell, _ items: [Item], _ timeout: Duration) -> Reply {
    let soon = dice.spread(0...weather.slowness)
    func answer(_ status: Int, _ code: String? = nil, wait: Duration? = nil) -> Reply {
      Reply(answersAfter: soon, exchange: .success(Answer(status: status, code: code, wait: wait)))
    }
    switch spell.kind {
    case .down: return Reply(answersAfter: soon, exchange: Self.refused)
    case .erring: return lost(items, answersAfter: soon, .success(Answer(status: 500)))
    case .hanging: return lost(items, answersAfter: timeout, Self.reset, isHeld: true)
    case .resetting: return lost(items, answersAfter: soon, Self.reset)
    case .account: return answer(dice.pick([401, 403]))
    case .unpaid: return answer(400, dice.pick(["insufficient_funds", "usage_limit_exceeded"]))
    case .endpoint: return answer(dice.pick([404, 405, 302]))
    case .throttled: return answer(429, wait: spell.to - timeline.elapsed)
    case .indexGone: return answer(404, "resource_not_exist")
    }
  }

  private static let refused = Result<Answer, TransportFailure>.failure(
    TransportFailure(progress: .notWritten, code: "connect_refused", message: "connection refused"))
  private static let reset = Result<Answer, TransportFailure>.failure(
    TransportFailure(progress: .maybeWritten, code: "reset", message: "reset"))
}
