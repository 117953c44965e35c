import BatchDomain
import ServiceHTTP
import Testing
import TransfersService

/// Connections that the server closes between two requests, said or not.
@Suite(.timeLimit(.minutes(10)))
struct ConnectionReuseTests {
  private static let answer = ScriptedServer.Step.send(HTTPAnswer.text(200))

  private static func answer(_ headers: String...) -> ScriptedServer.Step {
    .send(HTTPAnswer.text(200, headers: headers))
  }

  @Test func `a connection is used again`() async throws {
    let count = 20
    let script = [ScriptedServer.Step.readRequest, Self.answer]
    // Enough for a connection each, which would be the fault.
    let server = try await ScriptedServer(scripts: Array(repeating: script, count: 2 * count))
    try await withClient(server.url) { service in
      for number in 0..<count {
        #expect(await service.submit(submission(number)).answer?.status == 200)
      }
    }
    #expect(server.requests.entries.count == count)
    #expect(server.connections.entries.count == 1)
    try await server.stop()
  }

  @Test func `an idle connection is closed by us`() async throws {
    let server = try await ScriptedServer([.readRequest, Self.answer], [.readRequest, Self.answer])
    try await withClient(server.url, idleConnectionTime: .milliseconds(10)) { service in
      for number in 1...2 {
        #expect(await service.submit(submission(number)).answer?.status == 200)
        // The server never closes: this is the client's doing.
        await server.closings.wait(for: number)
      }
    }
    #expect(server.connections.entries.count == 2)
    try await server.stop()
  }

  @Test func `we close before the servers in use do`() throws {
    let configuration = ServiceEndpoint(
      baseURL: "https://h", key: try APIKey(testKey), userAgent: "")
    // gunicorn's default, the shortest of the well-known servers'.
    #expect(configuration.idleConnectionTime <= .seconds(1))
  }

  @Test func `answers that announce the closing lose nothing`() async throws {
    let count = 30
    let script = { (number: Int) -> [ScriptedServer.Step] in
      number % 3 == 0
        ? [.readRequest, Self.answer("Connection: close"), .close] : [.readRequest, Self.answer]
    }
    let server = try await ScriptedServer(scripts: (1...count).map(script))
    try await withClient(server.url) { service in
      for number in 1...count {
        #expect(await service.submit(submission(number)).answer?.status == 200)
      }
    }
    #expect(server.requests.entries.count == count)
    #expect(server.connections.entries.count == count / 3)
    try await server.stop()
  }

  @Test(arguments: ["timeout=1", "timeout=0, max=100", "max=3, Timeout = 1", "timeout=-5"])
  func `a connection the server keeps no longer than we do is given up at once`(value: String) async throws {
    let script = [
      ScriptedServer.Step.readRequest, Self.answer("Connection: keep-alive", "Keep-Alive: \(value)"),
    ]
    let server = try await ScriptedServer(script, script)
    try await withClient(server.url, idleConnectionTime: .seconds(1)) { service in
      for number in 1...2 {
        #expect(await service.submit(submission(number)).answer?.status == 200)
        // The server never closes.
        await server.closings.wait(for: number)
      }
    }
    #expect(server.connections.entries.count == 2)
    try await server.stop()
  }

  @Test(arguments: ["timeout=3700", "max=3", "timeout", "timeout=soon", "timeout=9999999999999999", "", "=1"])
  func `any other is kept`(value: String) async throws {
    let script = [ScriptedServer.Step.readRequest, Self.answer("Keep-Alive: \(value)")]
    let server = try await ScriptedServer(script, script)
    try await withClient(server.url) { service in
      for number in 1...2 {
        #expect(await service.submit(submission(number)).answer?.status == 200)
      }
    }
    #expect(server.connections.entries.count == 1)
    try await server.stop()
  }

  @Test func `a reused connection that breaks before the end of a request wrote nothing`() async throws {
    let server = try await ScriptedServer(
      [.readRequest, Self.answer], [.read(bytes: 1), .reset], [.readRequest, Self.answer])
    try await withClient(server.url) { service in
      #expect(await service.submit(submission(1)).answer?.status == 200)
      let failure = await service.submit(largeSubmission()).failure
      #expect(failure?.progress == .notWritten)
      #expect(failure?.code == "reset_early")
      #expect(await service.submit(submission(2)).answer?.status == 200)
    }
    #expect(server.connections.entries.count == 2)
    try await server.stop()
  }

  @Test(arguments: [ScriptedServer.Step.close, .reset])
  func `after one lost with its connection, no connection is used twice`(ending: ScriptedServer.Step)
    async throws
  {
    let server = try await ScriptedServer(
      [.readRequest, Self.answer], [.readRequest, ending], [.readRequest, Self.answer],
      [.readRequest, Self.answer])
    try await withClient(server.url) { service in
      #expect(await service.submit(submission(1)).answer?.status == 200)
      #expect(await service.submit(submission(2)).failure?.progress == .maybeWritten)
      for number in 3...4 {
        #expect(await service.submit(submission(number)).answer?.status == 200)
        await server.closings.wait(for: number - 1)
      }
    }
    #expect(server.connections.entries.count == 3)
    let closing = server.requests.entries.map {
      String(decoding: $0, as: UTF8.self).lowercased().contains("\r\nconnection: close\r\n")
    }
    #expect(closing == [false, false, true, true])
    try await server.stop()
  }

  @Test func `after one was lost, connections that wait are not used either`() async throws {
    let held = [ScriptedServer.Step.readRequest, .wait, Self.answer]
    let server = try await ScriptedServer(
      held, held, [.readRequest, .close], [.readRequest, Self.answer])
    try await withClient(server.url) { service in
      async let first = service.submit(submission(1))
      async let second = service.submit(submission(2))
      await server.requests.wait(for: 2)
      server.gate.open()
      #expect(await [first.answer?.status, second.answer?.status] == [200, 200])
      #expect(await service.submit(submission(3)).failure?.progress == .maybeWritten)
      #expect(await service.submit(submission(4)).answer?.status == 200)
    }
    #expect(server.connections.entries.count == 3)
    try await server.stop()
  }

  @Test func `a connection that became something else is not used again`() async throws {
    let switching = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    let server = try await ScriptedServer([.readRequest, .send(switching)], [.readRequest, Self.answer])
    try await withClient(server.url) { service in
      #expect(await service.submit(submission(1)).answer?.status == 101)
      await server.closings.wait(for: 1)
      #expect(await service.submit(submission(2)).answer?.status == 200)
    }
    #expect(server.connections.entries.count == 2)
    try await server.stop()
  }

  @Test func `a time-out and a first request lost say nothing about reuse`() async throws {
    let server = try await ScriptedServer(
      [.readRequest, .close], [.readRequest, Self.answer], [.readRequest], [.readRequest, Self.answer],
      [.readRequest, Self.answer])
    try await withClient(server.url) { service in
      #expect(await service.submit(submission(1)).failure?.progress == .maybeWritten)
      #expect(await service.submit(submission(2)).answer?.status == 200)
      let task = Task { await service.submit(submission(3)) }
      await server.requests.wait(for: 3)
      task.cancel()
      #expect(await task.value.failure?.progress == .maybeWritten)
      for number in 4...5 { #expect(await service.submit(submission(number)).answer?.status == 200) }
    }
    #expect(server.connections.entries.count == 3)
    try await server.stop()
  }

  /// Closing crosses with the next request now and then; whatever comes of it must be true.
  @Test func `silent closings are never taken for answers, nor is anything sent twice`() async throws {
    let count = 100
    let server = try await ScriptedServer(
      scripts: Array(repeating: [.readRequest, Self.answer, .close], count: count))
    try await withClient(server.url) { service in
      for number in 0..<count {
        let exchange = await service.submit(submission(number))
        let name = "chunk-\(String(repeating: "0", count: 6 - "\(number)".count))\(number).json"
        let arrivals = server.requests.entries.count {
          String(decoding: $0, as: UTF8.self).contains("filename=\"\(name)\"")
        }
        switch (exchange.answer?.status, exchange.failure?.progress) {
        case (200, _): #expect(arrivals == 1)
        case (_, .notWritten): #expect(arrivals == 0)
        case (_, .maybeWritten): #expect(arrivals <= 1)
        default: Issue.record("chunk \(number): \(exchange)")
        }
      }
    }
    try await server.stop()
  }

  @Test func `an answer too many is not taken for the next one's`() async throws {
    let twice = HTTPAnswer.text(200) + HTTPAnswer.text(201)
    let server = try await ScriptedServer([.readRequest, .send(twice)], [.readRequest, Self.answer])
    try await withClient(server.url) { service in
      #expect(await service.submit(submission(1)).answer?.status == 200)
      await server.closings.wait(for: 1)
      // The pool may hear of the closing a moment after the server does.
      let second = await service.submit(submission(2))
      #expect(second.answer?.status == 200 || second.failure?.progress == .notWritten, "\(second)")
    }
    try await server.stop()
  }
}
