/// A request as the services behind the server see it: everything that was sent, and nothing of the connection.
package struct SimulatedRequest: Sendable {
  /// The method, in upper case.
  package var method: String
  /// The path with its query, as sent.
  package var target: String
  /// The headers, names in lower case; `host` is among them.
  package var headers: [String: String]
  /// The body.
  package var body: [UInt8]

  /// Joins the parts.
  package init(method: String, target: String, headers: [String: String] = [:], body: [UInt8] = []) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
  }

  /// The path as sent, without its query.
  var path: Substring { target.prefix { $0 != "?" } }

  /// The query as sent, without its question mark.
  var query: Substring { target.dropFirst(path.count).dropFirst() }
}

/// An answer before it is put on the wire.
package struct SimulatedAnswer: Sendable {
  /// How the body is sent.
  package enum Delivery: Sendable, Equatable {
    /// At once.
    case whole
    /// Byte by byte, with a pause before each.
    case dribbled(Duration)
    /// Half of the body, then the end of the connection.
    case truncated
    /// A JSON body of that many bytes instead of `body`.
    case huge(Int)
    /// No body, with the length that the body of a GET would have.
    case headOnly(length: Int64)
    /// That many bytes of an object that has no content of its own, from an offset on, instead of `body`.
    case pattern(from: Int64, count: Int64)
  }

  /// The status.
  package var status: Int
  /// The headers, without those that the server adds: length and date.
  package var headers: [(name: String, value: String)]
  /// The body.
  package var body: [UInt8]
  /// How the body is sent.
  package var delivery = Delivery.whole

  /// An answer with these parts.
  package init(status: Int, headers: [(name: String, value: String)] = [], body: some Sequence<UInt8> = []) {
    self.status = status
    self.headers = headers
    self.body = Array(body)
  }

  /// An answer with a JSON body.
  static func json(_ status: Int, _ body: JSONText) -> SimulatedAnswer {
    SimulatedAnswer(
      status: status, headers: [("Content-Type", "application/json")], body: body.text.utf8)
  }

  /// An answer with an HTML page, as gateways give.
  static func html(_ status: Int, _ title: String) -> SimulatedAnswer {
    SimulatedAnswer(
      status: status, headers: [("Content-Type", "text/html; charset=utf-8")],
      body: "<html><head><title>\(title)</title></head><body><h1>\(title)</h1></body></html>".utf8)
  }

  /// A copy with one more header.
  func adding(_ name: String, _ value: String) -> SimulatedAnswer {
    var copy = self
    copy.headers.append((name, value))
    return copy
  }

  /// The value of the first header with that name, in any case.
  package func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// The body as text.
  package var text: String { String(decoding: body, as: UTF8.self) }
}

/// What becomes of a request, in terms that the server carries out and that a simulation without time can act on too.
///
/// A service says it before any work: when the work is done, and how the request ends. The work itself is asked of the
/// service at its moment.
package struct Reaction: Sendable {
  /// When the work is done.
  package enum Work: Sendable, Equatable {
    /// Not at all.
    case never
    /// When the request has been read.
    case atOnce
    /// So long after the client has gone; until then nothing is said.
    case afterLeaving(Duration)
    /// So long after the answer.
    case afterAnswer(Duration)
  }

  /// How the request ends.
  package enum Ending: Sendable, Equatable {
    /// With an answer.
    case answer
    /// With a reset of the connection (RST).
    case reset
    /// With an orderly end of the connection (FIN) and no answer.
    case close
  }

  /// When the work is done.
  package var work: Work
  /// How long nothing is said between the work, or the arrival where there is none, and the end.
  package var wait: Duration
  /// How the request ends.
  package var ending: Ending
  /// The answer, where it is not that of the work.
  package var answer: SimulatedAnswer?
  /// The fault that made it so.
  package var fault: FaultRule?
  /// Headers that tell about limits, for the answer of the work.
  var headers: [(name: String, value: String)] = []

  /// An answer without any work.
  static func refused(_ answer: SimulatedAnswer) -> Reaction {
    Reaction(work: .never, wait: .zero, ending: .answer, answer: answer)
  }

  /// What a fault makes of a request; nil stands for none.
  ///
  /// - Parameters:
  ///   - latency: how long an undisturbed answer takes.
  ///   - silence: the wait of faults whose rule gives none.
  ///   - refusal: the answer of a fault that does no work, and of ``FaultKind/errorAccepted``.
  init(
    _ rule: FaultRule?, latency: Duration, silence: Duration, refusal: (FaultRule) -> SimulatedAnswer
  ) {
    self.init(work: .atOnce, wait: latency, ending: .answer, answer: nil, fault: rule)
    guard let rule else { return }
    let pause = rule.wait ?? silence
    switch rule.kind {
    case .delay, .slow: wait = pause
    case .stall: (work, wait, ending) = (.never, pause, .close)
    case .late: (work, wait, ending) = (.afterLeaving(pause), .zero, .close)
    case .gatewayLate:
      (work, wait, answer) = (.afterAnswer(pause), .zero, .html(504, "504 Gateway Time-out"))
    case .resetBefore: (work, wait, ending) = (.never, .zero, .reset)
    case .resetAfter: ending = .reset
    case .closeAfter: ending = .close
    case .errorAccepted: answer = refusal(rule)
    case _ where rule.kind.doesWork: break
    default: (work, wait, answer) = (.never, .zero, refusal(rule))
    }
  }

  private init(
    work: Work, wait: Duration, ending: Ending, answer: SimulatedAnswer?, fault: FaultRule? = nil
  ) {
    self.work = work
    self.wait = wait
    self.ending = ending
    self.answer = answer
    self.fault = fault
  }

  /// The answer as it leaves, made of the work's own: odd in the way the fault says, when it is a success.
  func shaped(_ own: SimulatedAnswer, dribble: Duration, hugeBytes: Int) -> SimulatedAnswer {
    var answer = answer ?? own
    answer.headers += headers
    guard let fault, (200..<300).contains(answer.status) else { return answer }
    switch fault.kind {
    case .empty:
      answer.body = []
      answer.delivery = .whole
    case .garbage: answer.body = Array(answer.body.prefix(answer.body.count / 2)) + Array("\u{1} <<<".utf8)
    case .withoutID: answer.body = Array(#"{"message":"created"}"#.utf8)
    case .truncated: answer.delivery = .truncated
    case .dribble: answer.delivery = .dribbled(fault.wait ?? dribble)
    case .huge: answer.delivery = .huge(fault.bytes ?? hugeBytes)
    default: break
    }
    return answer
  }
}
