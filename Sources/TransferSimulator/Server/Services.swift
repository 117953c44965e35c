import HummingbirdCore

extension RequestHandler {
  /// Serves a request of profile v1.3: a fault by its number, the body, and what the model makes of it.
  func serve(
    _ received: SimulatedRequest, _ kind: AssetsCall.Kind, _ exchange: Exchange, _ request: Request,
    _ writer: consuming ResponseWriter
  ) async throws {
    let numbered = assets.arrive(kind)
    if numbered?.kind == .resetBefore {
      ledger.identify(exchange.ordinal, elements: [])
      ledger.meet(exchange.ordinal, fault: .resetBefore)
      try await drop(exchange, withReset: true)
    }
    guard let body = try await body(request, exchange) else {
      ledger.identify(exchange.ordinal, elements: [])
      return try await send(
        AssetsCall.error(413, "request_too_large", "The request is too long"), exchange, writer)
    }
    var received = received
    received.body = Array(body)
    let call = AssetsCall(received)
    ledger.identify(exchange.ordinal, tag: call.tag, index: call.index, object: call.object)
    let reaction = assets.react(to: call, at: configuration.clock.now, numbered: .some(numbered))
    let model = assets
    try await carryOut(reaction, exchange, writer) { model.answer(call, reaction, at: $0) }
  }

  /// Does the work of a request and ends it, each at its moment.
  func carryOut(
    _ reaction: Reaction, _ exchange: Exchange, _ writer: consuming ResponseWriter,
    _ work: @escaping @Sendable (_ now: Int64) -> (answer: SimulatedAnswer, isTaken: Bool)
  ) async throws {
    if let fault = reaction.fault { ledger.meet(exchange.ordinal, fault: fault.kind) }
    @Sendable func perform() -> SimulatedAnswer {
      let (answer, isTaken) = work(configuration.clock.now)
      if isTaken {
        ledger.take(exchange.ordinal, elements: EmptyCollection<ElementKey>(), accepted: 1, skipped: 0)
      }
      return answer
    }
    // No child of this request: it ends with its connection.
    @Sendable func perform(after wait: Duration) {
      Task {
        try await configuration.clock.sleep(for: wait)
        _ = perform()
      }
    }
    switch reaction.work {
    case .afterLeaving(let wait):
      await exchange.connection.untilGone()
      perform(after: wait)
      try await drop(exchange, withReset: false)
    case .afterAnswer(let wait):
      defer { perform(after: wait) }
      return try await send(reaction.answer ?? SimulatedAnswer(status: 504), exchange, writer)
    case .never, .atOnce: break
    }
    let answer = perform()
    if reaction.wait > .zero { try await configuration.clock.sleep(for: reaction.wait) }
    switch reaction.ending {
    case .answer: try await send(answer, exchange, writer)
    case .reset: try await drop(exchange, withReset: true)
    case .close: try await drop(exchange, withReset: false)
    }
  }
}
