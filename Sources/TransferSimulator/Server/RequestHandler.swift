import Foundation
import HTTPTypes
import HummingbirdCore
import NIOCore

/// Serves one request after the other, on any number of connections at once.
struct RequestHandler: Sendable {
  /// Thrown to make the server release a connection that was closed on purpose.
  struct ConnectionDropped: Error {}

  /// What is known about the request being served.
  struct Exchange {
    let ordinal: Int
    let transfer: Int?
    let connection: Connection
    let key: String?
    let keyMatched: Bool
    let query: QueryString
  }

  let configuration: SimulatorConfiguration
  let model: TransferModel
  let assets: AssetsModel
  let objects: ObjectStore
  let ledger: Ledger
  let plan: FaultPlan
  let meter: BudgetMeter?
  let registry: ConnectionRegistry
  let closings: ClosingCounter

  var profile: SimulatorProfile { configuration.profile }

  /// Which of the services behind the server a request is for.
  private enum Service {
    case transfers(Route)
    case assets(AssetsCall.Kind)
    case objects(ObjectStore.Call)

    var endpoint: SimulatorEndpoint {
      switch self {
      case .transfers(.endpoint(let endpoint, _)): endpoint
      case .transfers: .unknown
      case .assets(let kind): kind.endpoint
      case .objects(let call): call.endpoint
      }
    }

    /// Whether it is counted among the requests that submit.
    var isSubmission: Bool {
      switch self {
      case .transfers: endpoint == .transfers
      case .assets(let kind): kind.isSubmission
      case .objects: false
      }
    }
  }

  private func service(_ request: SimulatedRequest) -> Service {
    let path = String(request.path)
    if path.hasPrefix(AssetsCall.root + "/") {
      return configuration.assets == nil
        ? .transfers(.nowhere) : .assets(AssetsCall.kind(method: request.method, path: request.path))
    }
    var route = Route(method: request.method, path: path, profile: profile)
    if !configuration.servesTransfers, route != .nowhere { route = .otherVersion }
    if route == .nowhere, configuration.objects != nil { return .objects(objects.call(request)) }
    return .transfers(route)
  }

  /// Reads a request, and answers it or not.
  func respond(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
    let received = SimulatedRequest(
      method: request.method.rawValue, target: request.head.path ?? "/", headers: headers(request))
    let service = service(received)
    let key = received.headers["x-api-key"]
    let matches = configuration.apiKey.map { $0 == key } ?? !(key ?? "").isEmpty
    let connection = registry.connection(of: channel)
    let entry = ledger.arrive(
      { ordinal, transfer, inFlight in
        LedgerEntry(
          ordinal: ordinal, transfer: transfer, endpoint: service.endpoint,
          receivedAt: configuration.clock.now, method: received.method,
          path: withoutSecrets(received.target), headers: withoutSecrets(received.headers),
          keyMatched: matches, connection: connection.id, inFlight: inFlight)
      }, isTransfer: service.isSubmission, isGone: connection.isGone)
    let exchange = Exchange(
      ordinal: entry.ordinal, transfer: entry.transfer, connection: connection, key: key, keyMatched: matches,
      query: QueryString(received.query))
    connection.begin(entry.ordinal)
    defer {
      connection.end()
      ledger.answer(entry.ordinal, status: nil)
    }
    switch service {
    case .transfers(let route):
      if case .endpoint(.transfers, _) = route {
        return try await transfer(exchange, request, writer)
      }
      let body = service.endpoint == .create ? try await self.body(request, exchange) : Data()
      ledger.identify(entry.ordinal, elements: [])
      let answer = body.map { self.answer(route, exchange, request, $0) } ?? tooLarge
      try await send(answer, exchange, writer)
    case .assets(let kind):
      try await serve(received, kind, exchange, request, writer)
    case .objects(let call):
      ledger.identify(entry.ordinal, elements: [])
      let reaction = objects.react(to: call, numbered: objects.arrive(call), at: configuration.clock.now)
      try await carryOut(reaction, exchange, writer) { (objects.answer(call, reaction, at: $0), false) }
    }
  }

  var tooLarge: SimulatedAnswer {
    profile.error(413, "request_too_large", "The request is longer than \(configuration.maximumBody) bytes")
  }

  /// The body; nil when it is too long. Throws when the client went away before its end.
  func body(_ request: Request, _ exchange: Exchange) async throws -> Data? {
    do {
      let buffer = try await request.body.collect(upTo: configuration.maximumBody)
      if let announced = request.headers[.contentLength].flatMap({ Int($0) }),
        announced > buffer.readableBytes
      {
        throw ConnectionDropped()
      }
      return Data(buffer.readableBytesView)
    } catch is NIOTooManyBytesError {
      return nil
    } catch {
      ledger.identify(exchange.ordinal, elements: [])
      throw error
    }
  }

  private func headers(_ request: Request) -> [String: String] {
    request.headers.reduce(into: ["host": request.head.authority ?? ""]) { found, field in
      let name = field.name.canonicalName
      found[name] = found[name].map { $0 + ", " + field.value } ?? field.value
    }
  }

  private func withoutSecrets(_ headers: [String: String]) -> [String: String] {
    var headers = headers
    for name in ["x-api-key", "authorization", "x-amz-security-token"] where headers[name] != nil {
      headers[name] = "[redacted]"
    }
    return headers
  }

  /// A target without what would let somebody else read an object.
  private func withoutSecrets(_ target: String) -> String {
    target.contains("X-Amz-")
      ? target.replacing(/(X-Amz-(?:Signature|Security-Token))=[^&]*/) { "\($0.1)=[redacted]" } : target
  }
}

extension RequestHandler {
  /// Puts an answer on the wire. The ledger has it before its last byte leaves.
  func send(_ answer: SimulatedAnswer, _ exchange: Exchange, _ writer: consuming ResponseWriter) async throws
  {
    let ending = closings.next()
    var head = HTTPResponse(status: .init(code: answer.status))
    for header in answer.headers {
      if let name = HTTPField.Name(header.name) { head.headerFields[name] = header.value }
    }
    head.headerFields[.date] = TimeText.http(configuration.clock.now)
    if ending == .closeAnnounced { head.headerFields[.connection] = "close" }
    let body = ByteBuffer(bytes: answer.body)
    if answer.status != 204 {
      head.headerFields[.contentLength] =
        switch answer.delivery {
        case .headOnly(let length), .pattern(_, let length): String(length)
        default: String(body.readableBytes)
        }
    }
    switch answer.delivery {
    case .whole, .headOnly:
      record(answer, exchange)
      try await writer.write(response: head, body: ResponseBody(byteBuffer: body))
    case .dribbled(let pause):
      try await dribble(body, pause, answer, head, exchange, writer)
    case .truncated:
      var output = try await writer.writeHead(head)
      record(answer, exchange)
      try await output.write(body.getSlice(at: body.readerIndex, length: body.readableBytes / 2) ?? body)
      await exchange.connection.close()
      throw ConnectionDropped()
    case .huge(let length):
      try await flood(length, answer, head, exchange, writer)
    case .pattern(let first, let count):
      try await stream(first..<(first + count), answer, head, exchange, writer)
    }
    if ending != .keep {
      await exchange.connection.close()
      throw ConnectionDropped()
    }
  }

  /// Ends the connection without an answer.
  func drop(_ exchange: Exchange, withReset: Bool) async throws -> Never {
    ledger.answer(exchange.ordinal, status: nil)
    if withReset {
      await exchange.connection.reset()
    } else {
      await exchange.connection.close()
    }
    throw ConnectionDropped()
  }

  private func record(_ answer: SimulatedAnswer, _ exchange: Exchange) {
    ledger.answer(exchange.ordinal, status: exchange.connection.isGone ? nil : answer.status)
  }

  private func dribble(
    _ body: ByteBuffer, _ pause: Duration, _ answer: SimulatedAnswer, _ head: HTTPResponse,
    _ exchange: Exchange,
    _ writer: consuming ResponseWriter
  ) async throws {
    var output = try await writer.writeHead(head)
    var rest = body
    while let byte = rest.readSlice(length: 1) {
      try await configuration.clock.sleep(for: pause)
      if exchange.connection.isGone { try await drop(exchange, withReset: false) }
      if rest.readableBytes == 0 { record(answer, exchange) }
      try await output.write(byte)
    }
    try await output.finish(nil)
  }

  /// The bytes of an object that has no content of its own: each is its position modulo 251.
  private func stream(
    _ range: Range<Int64>, _ answer: SimulatedAnswer, _ head: HTTPResponse, _ exchange: Exchange,
    _ writer: consuming ResponseWriter
  ) async throws {
    let pattern = ByteBuffer(bytes: (0..<(251 * 512)).map { UInt8($0 % 251) })
    var output = try await writer.writeHead(head)
    var next = range.lowerBound
    while next < range.upperBound, !exchange.connection.isGone {
      let start = Int(next % 251)
      let length = Int(min(Int64(pattern.readableBytes - start), range.upperBound - next))
      next += Int64(length)
      try await output.write(pattern.getSlice(at: start, length: length) ?? pattern)
    }
    record(answer, exchange)
    try await output.finish(nil)
  }

  private func flood(
    _ length: Int, _ answer: SimulatedAnswer, _ head: HTTPResponse, _ exchange: Exchange,
    _ writer: consuming ResponseWriter
  ) async throws {
    let opening = ByteBuffer(string: #"{"message":""#)
    let closing = ByteBuffer(string: #""}"#)
    var left = max(0, length - opening.readableBytes - closing.readableBytes)
    var head = head
    head.headerFields[.contentLength] = String(left + opening.readableBytes + closing.readableBytes)
    let chunk = ByteBuffer(repeating: UInt8(ascii: "x"), count: 1 << 16)
    var output = try await writer.writeHead(head)
    try await output.write(opening)
    while left > 0 {
      let slice = chunk.getSlice(at: 0, length: min(left, chunk.readableBytes)) ?? chunk
      left -= slice.readableBytes
      try await output.write(slice)
    }
    record(answer, exchange)
    try await output.write(closing)
    try await output.finish(nil)
  }
}

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

  private func refusal(_ rule: FaultRule, _ exchange: Exchange, _ request: Request) -> SimulatedAnswer {
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
      return SimulatedAnswer(status: 307, headers: [("Location", target)])
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
  func apply(_ rule: FaultRule, to answer: SimulatedAnswer, isTaken: Bool, _ exchange: Exchange) async throws
    -> SimulatedAnswer
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
  private func accepted(_ rule: FaultRule) -> SimulatedAnswer? {
    var answer = profile.transferAcceptedWithBody
    switch rule.kind {
    case .empty: return SimulatedAnswer(status: 204)
    case .garbage: answer.body = Array("{\"message\": Succesfully requested \u{FFFD}\u{1} <<<".utf8)
    case .truncated: answer.delivery = .truncated
    case .huge: answer.delivery = .huge(rule.bytes ?? configuration.hugeBytes)
    default: return nil
    }
    return answer
  }
}
