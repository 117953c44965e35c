import BatchDomain
import ServiceHTTP
import Testing
import TransfersService

/// Answers whose head came: the status decides, whatever becomes of the body.
@Suite(.timeLimit(.minutes(10)))
struct AnswerBodyTests {
  private static func begun(_ status: Int) -> String {
    "HTTP/1.1 \(status) Whatever\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"message\": \"half"
  }

  @Test(arguments: [200, 201, 202, 400, 500], [ScriptedServer.Step.close, .reset])
  func `a body that breaks leaves the answer`(status: Int, ending: ScriptedServer.Step) async throws {
    let server = try await ScriptedServer([.readRequest, .send(Self.begun(status)), .wait, ending])
    let exchange = try await withClient(server.url, onHead: { _ in server.gate.open() }) {
      await $0.submit(submission())
    }
    #expect(exchange.answer?.status == status)
    try await server.stop()
  }

  @Test func `of a body that breaks the beginning is kept`() async throws {
    let server = try await ScriptedServer([.readRequest, .send(Self.begun(400)), .close])
    let exchange = try await withClient(server.url) { await $0.submit(submission()) }
    #expect(exchange.answer?.message?.hasPrefix("{\"message\": \"hal") == true)
    try await server.stop()
  }

  @Test(arguments: [200, 400])
  func `a body that never ends within the time-out leaves the answer`(status: Int) async throws {
    let server = try await ScriptedServer([.readRequest, .send(Self.begun(status))])
    let clock = TimeOutClock()
    let head = Journal<Int>()
    let exchange = try await withClient(server.url, clock: clock, onHead: { head.append($0) }) { service in
      async let exchange = service.submit(submission())
      // The library's own deadline would be over from here on.
      await head.wait(for: 1)
      clock.ring()
      return await exchange
    }
    #expect(exchange.answer?.status == status)
    await server.closings.wait(for: 1)
    try await server.stop()
  }

  @Test func `an accepted request that is given up while its body comes stays accepted`() async throws {
    let server = try await ScriptedServer([.readRequest, .send(Self.begun(200))])
    let head = Journal<Int>()
    let exchange = try await withClient(server.url, onHead: { head.append($0) }) { service in
      let task = Task { await service.submit(submission()) }
      await head.wait(for: 1)
      task.cancel()
      return await task.value
    }
    #expect(exchange.answer?.status == 200)
    try await server.stop()
  }

  @Test(arguments: [200, 500])
  func `an endless body is not read to its end, and the connection not used again`(status: Int) async throws {
    let endless =
      "HTTP/1.1 \(status) Whatever\r\nContent-Type: text/plain\r\nContent-Length: 99999999999\r\n\r\n"
    let server = try await ScriptedServer(
      [.readRequest, .send(endless), .flood], [.readRequest, .send(HTTPAnswer.text(204))])
    try await withClient(server.url) { service in
      let answer = await service.submit(submission()).answer
      #expect(answer?.status == status)
      #expect(answer?.message == String(repeating: "x", count: 2_048))
      await server.closings.wait(for: 1)
      #expect(await service.submit(submission()).answer?.status == 204)
    }
    #expect(server.connections.entries.count == 2)
    try await server.stop()
  }

  @Test func `a dribbled answer is put together`() async throws {
    let whole = HTTPAnswer.text(400, #"{"code":"parameter_invalid","message":"é"}"#)
    let pieces = whole.unicodeScalars.map { ScriptedServer.Step.send(String($0)) }
    let server = try await ScriptedServer([.readRequest] + pieces)
    let answer = try await withClient(server.url) { await $0.submit(submission()) }.answer
    #expect(answer?.code == "parameter_invalid")
    #expect(answer?.message == "é")
    try await server.stop()
  }

  @Test func `a gateway's page with status 200 shows its media type`() async throws {
    let page = HTTPAnswer.text(200, "<html>please log in</html>", type: "Text/HTML; charset=utf-8")
    let server = try await ScriptedServer([.readRequest, .send(page)])
    let exchange = try await withClient(server.url) { await $0.submit(submission()) }
    #expect(exchange.answer?.mediaType == "text/html")
    #expect(TransferOutcomes.outcome(of: exchange) == .unknown)
    try await server.stop()
  }

  @Test func `the key is nowhere in what comes back`() async throws {
    let body = "{\"code\":\"bad_\(testKey)\",\"message\":\"no such key: \(testKey)\"}"
    let answer = HTTPAnswer.text(
      401, body, type: testKey, headers: ["X-Key: \(testKey)", "Retry-After: \(testKey)", "Date: \(testKey)"])
    let html = HTTPAnswer.text(500, "<title>\(testKey)</title>", type: "text/\(testKey)")
    let server = try await ScriptedServer([.readRequest, .send(answer)], [.readRequest, .send(html)])
    try await withClient(server.url) { service in
      for _ in 0..<2 {
        let exchange = await service.submit(submission())
        var text = ""
        dump(exchange, to: &text)
        #expect(exchange.answer != nil)
        #expect(!text.lowercased().contains(testKey.lowercased()), "\(text)")
        #expect(text.contains("[removed]"))
      }
      var text = ""
      dump(service, to: &text)
      #expect(!text.contains(testKey))
    }
    try await server.stop()
  }
}
