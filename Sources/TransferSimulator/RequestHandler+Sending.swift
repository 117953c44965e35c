import HTTPTypes
import HummingbirdCore
import NIOCore

extension RequestHandler {
  /// Puts an answer on the wire. The ledger has it before its last byte leaves.
  func send(_ answer: Answer, _ exchange: Exchange, _ writer: consuming ResponseWriter) async throws {
    let ending = closings.next()
    var head = HTTPResponse(status: .init(code: answer.status))
    for header in answer.headers {
      if let name = HTTPField.Name(header.name) { head.headerFields[name] = header.value }
    }
    head.headerFields[.date] = TimeText.http(configuration.clock.now)
    if ending == .closeAnnounced { head.headerFields[.connection] = "close" }
    let body = ByteBuffer(string: answer.body)
    if answer.status != 204 { head.headerFields[.contentLength] = String(body.readableBytes) }
    switch answer.delivery {
    case .whole:
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

  private func record(_ answer: Answer, _ exchange: Exchange) {
    ledger.answer(exchange.ordinal, status: exchange.connection.isGone ? nil : answer.status)
  }

  private func dribble(
    _ body: ByteBuffer, _ pause: Duration, _ answer: Answer, _ head: HTTPResponse, _ exchange: Exchange,
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

  private func flood(
    _ length: Int, _ answer: Answer, _ head: HTTPResponse, _ exchange: Exchange,
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
