import BatchDomain
import ServiceHTTP
import Testing
import TransfersService

/// A service, or whoever answers in its name, that means no good.
@Suite(.timeLimit(.minutes(10)))
struct HostileServiceTests {
  private static let index = IndexID("62a0906d47f5678267ec10a6")

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nX-Long: ", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nX-", "HTTP/1.1 ",
  ])
  func `a head without an end is given up`(beginning: String) async throws {
    let script = [ScriptedServer.Step.readRequest, .send(beginning), .flood]
    let server = try await ScriptedServer(script, script)
    try await withClient(server.url) { service in
      let failure = await service.submit(submission()).failure
      #expect(failure?.progress == .maybeWritten)
      #expect(failure?.code == "protocol", "\(String(describing: failure))")
      await server.closings.wait(for: 1)
      await #expect(throws: ListingFailure.self) { try await service.listTasks(index: Self.index, page: 1) }
      await server.closings.wait(for: 2)
    }
    try await server.stop()
  }

  @Test(arguments: ["X-Header: value\r\n", "X-Header: \(String(repeating: "v", count: 8_000))\r\n"])
  func `header lines without an end are given up`(line: String) async throws {
    let server = try await ScriptedServer([.readRequest, .send("HTTP/1.1 200 OK\r\n"), .floodOf(line)])
    let failure = try await withClient(server.url) { service in
      let failure = await service.submit(submission()).failure
      await server.closings.wait(for: 1)
      return failure
    }
    #expect(failure?.progress == .maybeWritten)
    #expect(failure?.code == "protocol", "\(String(describing: failure))")
    try await server.stop()
  }

  /// These are dropped as they come: only time limits them.
  @Test(arguments: [("", "HTTP/1.1 100 Continue\r\n\r\n"), ("HTTP/1.1 200 ", "reason ")])
  func `preliminary answers or reasons without an end are given up in time`(beginning: String, rest: String)
    async throws
  {
    let server = try await ScriptedServer([.readRequest, .send(beginning), .mark, .floodOf(rest)])
    let clock = TimeOutClock()
    let failure = try await withClient(server.url, clock: clock) { service in
      async let exchange = service.submit(submission())
      await server.marks.wait(for: 1)
      clock.ring()
      let failure = await exchange.failure
      await server.closings.wait(for: 1)
      return failure
    }
    #expect(failure?.progress == .maybeWritten)
    #expect(failure?.code == "timeout")
    try await server.stop()
  }

  @Test func `a head byte by byte is given up in time`() async throws {
    let server = try await ScriptedServer([.readRequest, .send("HTTP/1.1 2"), .mark])
    let clock = TimeOutClock()
    let failure = try await withClient(server.url, clock: clock) { service in
      async let exchange = service.submit(submission())
      await server.marks.wait(for: 1)
      clock.ring()
      return await exchange.failure
    }
    #expect(failure?.progress == .maybeWritten)
    #expect(failure?.code == "timeout")
    try await server.stop()
  }

  /// No head is so bad that it could be taken for a request that was not written, or stop the program.
  @Test(arguments: [
    "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 99 Low\r\n\r\n", "HTTP/1.1 1000 High\r\n\r\n",
    "HTTP/9.9 200 OK\r\n\r\n",
    "HTTP/2.0 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "\r\n\r\n", "\u{0}\u{0}\u{0}\u{0}",
    "GET / HTTP/1.1\r\n\r\n",
    "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA\u{0}B: c\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\u{0}c\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA B: c\r\n\r\n",
    "HTTP/1.1 200 OK\r\n: c\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
    "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 200 OK\rA: b\r\r",
    "HTTP/1.1 503 No\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 429 No\r\nRetry-After: \u{1B}[2J\r\nX-Ratelimit-Reset: 1e999\r\nDate: never\r\nContent-Length: 0\r\n\r\n",
  ])
  func `a bad head is an answer or an unknown`(head: String) async throws {
    let server = try await ScriptedServer([.readRequest, .send(head), .close])
    let exchange = try await withClient(server.url) { await $0.submit(submission()) }
    switch exchange {
    case .success(let answer):
      #expect(head.contains(" \(answer.status) "), "\(answer)")
      #expect(answer.message?.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" } != true)
    case .failure(let failure): #expect(failure.progress == .maybeWritten, "\(failure)")
    }
    try await server.stop()
  }

  @Test func `a listing is not taken elsewhere, and the key goes nowhere else`() async throws {
    let other = try await ScriptedServer()
    let server = try await ScriptedServer([
      .readRequest, .send(HTTPAnswer.text(307, headers: ["Location: \(other.url)/v1/indexes/tasks"])),
    ])
    try await withClient(server.url) { service in
      do throws(ListingFailure) {
        _ = try await service.listTasks(index: Self.index, page: 1)
        Issue.record("a page came")
      } catch {
        guard case .refused(let answer) = error else {
          Issue.record("\(error)")
          return
        }
        #expect(answer.status == 307)
      }
    }
    #expect(other.connections.entries.isEmpty)
    try await server.stop()
    try await other.stop()
  }

  @Test(arguments: [200, 204])
  func `a yes before the request was written is no yes`(status: Int) async throws {
    let server = try await ScriptedServer([.read(bytes: 1_000), .send(HTTPAnswer.text(status))])
    let exchange = try await withClient(server.url) { service in
      let exchange = await service.submit(largeSubmission())
      // The rest of the body stays here.
      await server.closings.wait(for: 1)
      return exchange
    }
    #expect(exchange.failure?.progress == .maybeWritten, "\(exchange)")
    #expect(exchange.failure?.code == "early_answer")
    #expect(TransferOutcomes.outcome(of: exchange) == .unknown)
    try await server.stop()
  }

  @Test func `an answer before the request began is none`() async throws {
    let server = try await ScriptedServer([.send(HTTPAnswer.text(200)), .readRequest, .close])
    let exchange = try await withClient(server.url) { await $0.submit(largeSubmission()) }
    #expect(exchange.answer == nil, "\(exchange)")
    try await server.stop()
  }

  @Test func `what a terminal would obey does not come through`() async throws {
    let body = "{\"code\":\"\\u001b]0;x\\u0007\",\"message\":\"\\u001b[2J\\u009b31m\\u0000\\u0008ok\"}"
    let raw = "\u{1B}[31mred\u{1B}[0m\u{7}"
    let server = try await ScriptedServer(
      [.readRequest, .send(HTTPAnswer.text(400, body))], [.readRequest, .send(HTTPAnswer.text(400, raw))])
    try await withClient(server.url) { service in
      for _ in 1...2 {
        let answer = try #require(await service.submit(submission()).answer)
        let text = (answer.code ?? "") + (answer.message ?? "") + (answer.mediaType ?? "")
        #expect(!text.isEmpty)
        #expect(
          !text.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }, "\(text)")
      }
    }
    try await server.stop()
  }
}
