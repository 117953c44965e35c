import Foundation
import HTTPTypes
import HummingbirdCore

extension RequestHandler {
  /// Serves a transfers request: key, faults by number, budget, faults by share, work, answer.
  func transfer(_ exchange: Exchange, _ request: Request, _ writer: consuming ResponseWriter) async throws {
    var rule = plan.fault(request: exchange.transfer ?? 0)
    if rule?.kind == .resetBefore {
      ledger.identify(exchange.ordinal, elements: [])
      ledger.meet(exchange.ordinal, fault: .resetBefore)
      try await drop(exchange, withReset: true)
    }
    guard let body = try await body(request, exchange) else {
      ledger.identify(exchange.ordinal, elements: [])
      return try await send(tooLarge, exchange, writer)
    }
    let content = elements(body, request)
    let keys = (try? content.get()) ?? []
    ledger.identify(exchange.ordinal, elements: keys)
    guard exchange.keyMatched else {
      return try await send(profile.unauthorized(key: exchange.key), exchange, writer)
    }
    var rateHeaders: [(name: String, value: String)] = []
    if rule == nil, let meter {
      let now = configuration.clock.now
      let reading = meter.take(at: now)
      guard reading.isAllowed else {
        let form = meter.budget.form ?? (profile == .v1_2 ? .throttleReset : .throttle)
        let answer = profile.wait(
          form, now: now, resetsAt: reading.resetsAt, limit: reading.limit, used: reading.used)
        return try await send(answer, exchange, writer)
      }
      if profile == .v1_2 {
        rateHeaders = profile.rateHeaders(
          limit: reading.limit, used: reading.used, resetsAt: reading.resetsAt)
      }
    }
    if rule == nil, let first = keys.first { rule = plan.fault(firstElement: first) }
    if let rule { ledger.meet(exchange.ordinal, fault: rule.kind) }
    if let rule, rule.kind == .late || rule.kind == .gatewayLate, case .success = content {
      return try await workLate(keys, rule, exchange, writer)
    }
    if let rule, !rule.kind.doesWork {
      return try await sendWithoutWork(rule, exchange, request, writer)
    }
    let isTaken: Bool
    var answer: Answer
    switch content {
    case .success: (isTaken, answer) = work(keys, exchange)
    case .failure(let refusal): (isTaken, answer) = (false, refusal.answer)
    }
    if configuration.delay > .zero { try await configuration.clock.sleep(for: configuration.delay) }
    if let rule { answer = try await apply(rule, to: answer, isTaken: isTaken, exchange) }
    answer.headers += rateHeaders
    try await send(answer, exchange, writer)
  }

  /// Does the work after the sender has gone, or after it was told that the request failed.
  private func workLate(
    _ keys: [ElementKey], _ rule: FaultRule, _ exchange: Exchange, _ writer: consuming ResponseWriter
  ) async throws {
    let wait = rule.wait ?? configuration.stallTime
    // No child of this request: it ends with its connection.
    @Sendable func workAfterwards() {
      Task {
        try await configuration.clock.sleep(for: wait)
        _ = work(keys, exchange)
      }
    }
    guard rule.kind == .late else {
      defer { workAfterwards() }
      return try await send(.html(504, "504 Gateway Time-out"), exchange, writer)
    }
    await exchange.connection.untilGone()
    workAfterwards()
    try await drop(exchange, withReset: false)
  }

  /// Lets the model decide, and notes what it took.
  private func work(_ keys: [ElementKey], _ exchange: Exchange) -> (isTaken: Bool, answer: Answer) {
    switch model.submit(keys) {
    case .taken(let accepted, let skipped):
      ledger.take(exchange.ordinal, elements: keys, accepted: accepted, skipped: skipped)
      return (true, profile.transferAccepted)
    case .refused(let refusal, let accepted, let skipped):
      if accepted + skipped > 0 {
        ledger.take(
          exchange.ordinal, elements: keys.prefix(accepted + skipped), accepted: accepted, skipped: skipped)
      }
      return (false, profile.refusal(refusal))
    }
  }

  /// A request that could not be read, with its answer.
  struct Unreadable: Error {
    let answer: Answer
  }

  /// The elements in the `file` part.
  private func elements(_ body: Data, _ request: Request) -> Result<[ElementKey], Unreadable> {
    func refuse(_ code: String, _ message: String) -> Result<[ElementKey], Unreadable> {
      .failure(Unreadable(answer: profile.error(400, code, message)))
    }
    guard let form = MultipartForm(contentType: request.headers[.contentType] ?? "", body: body) else {
      return refuse("parameter_invalid", "The request body is not multipart/form-data")
    }
    guard let file = form["file"] else {
      return refuse("parameter_not_provided", "The file parameter was not provided")
    }
    do throws(TransferElement.Problem) {
      return .success(try TransferElement.decode(file.content).map(\.key))
    } catch {
      switch error {
      case .notAnArray:
        return refuse("parameter_invalid", "The file parameter is not a JSON array with elements")
      case .missing(let field, let position):
        return refuse(
          "parameter_not_provided", "The \(field) parameter of element \(position) was not provided")
      case .wrongType(let field, let position):
        return refuse("parameter_invalid", "The \(field) parameter of element \(position) is not valid")
      }
    }
  }
}
