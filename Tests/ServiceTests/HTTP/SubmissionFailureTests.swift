import BatchDomain
import NIOCore
import NIOPosix
import ServiceHTTP
import Testing
import TransfersService

@Suite(.timeLimit(.minutes(10)))
struct SubmissionFailureTests {
  @Test func `nobody listening is not written`() async throws {
    try await UnansweredPort.during { port in
      let url = "http://127.0.0.1:\(port)"
      let failure = try await withClient(url) { await $0.submit(submission()) }.failure
      #expect(failure?.progress == .notWritten)
      #expect(failure?.code == "connect_refused")
      #expect(failure?.message == "connection refused by \(url)")
    }
  }

  @Test func `a name without address is not written`() async throws {
    let failure = try await withClient("https://no-such-host.invalid") { await $0.submit(submission()) }
      .failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "dns")
  }

  @Test func `plain text where TLS was expected is not written`() async throws {
    let server = try await ScriptedServer([.read(bytes: 1), .send(HTTPAnswer.text(400)), .close])
    let url = "https://127.0.0.1:\(server.port)"
    let failure = try await withClient(url) { await $0.submit(submission()) }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "tls")
    try await server.stop()
  }

  @Test func `a TLS handshake that is never answered is not written`() async throws {
    let server = try await ScriptedServer([.stall])
    let url = "https://127.0.0.1:\(server.port)"
    let failure = try await withClient(url, connectTimeout: .milliseconds(50)) {
      await $0.submit(submission())
    }
    .failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "connect_timeout")
    try await server.stop()
  }

  @Test func `a connection that is not accepted is not written`() async throws {
    let hole = try await BlackHole()
    let failure = try await withClient(hole.url, connectTimeout: .milliseconds(50)) {
      await $0.submit(submission())
    }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "connect_timeout")
    hole.close()
  }

  @Test func `the total time-out before a connection is there is not written`() async throws {
    let hole = try await BlackHole()
    let clock = TimeOutClock()
    clock.ring()
    let failure = try await withClient(hole.url, clock: clock) { await $0.submit(submission()) }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "connect_timeout")
    hole.close()
  }

  @Test func `a reset before reading a large chunk is not written`() async throws {
    let server = try await ScriptedServer([.reset])
    let failure = try await withClient(server.url) { await $0.submit(largeSubmission()) }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "reset_early")
    try await server.stop()
  }

  @Test func `a reset halfway is not written`() async throws {
    let server = try await ScriptedServer([.read(bytes: 4 << 20), .reset])
    let failure = try await withClient(server.url) { await $0.submit(largeSubmission()) }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "reset_early")
    try await server.stop()
  }

  @Test func `the total time-out halfway is not written`() async throws {
    let server = try await ScriptedServer([.read(bytes: 4 << 20), .mark, .stall])
    let clock = TimeOutClock()
    let failure = try await withClient(server.url, clock: clock) { service in
      async let exchange = service.submit(largeSubmission())
      await server.marks.wait(for: 1)
      clock.ring()
      return await exchange
    }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "timeout")
    try await server.stop()
  }

  @Test func `a reset after reading everything may be written`() async throws {
    let server = try await ScriptedServer([.readRequest, .reset])
    let failure = try await withClient(server.url) { await $0.submit(submission()) }.failure
    #expect(failure?.progress == .maybeWritten)
    #expect(failure?.code == "reset")
    #expect(server.requests.entries.count == 1)
    try await server.stop()
  }

  @Test func `a close after reading everything may be written, and is not tried again`() async throws {
    let server = try await ScriptedServer([.readRequest, .close])
    let failure = try await withClient(server.url) { await $0.submit(submission()) }.failure
    #expect(failure?.progress == .maybeWritten)
    #expect(failure?.code == "closed")
    #expect(server.connections.entries.count == 1)
    try await server.stop()
  }

  @Test(arguments: ["HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 2"])
  func `a close within the head may be written`(beginning: String) async throws {
    let server = try await ScriptedServer([.readRequest, .send(beginning), .close])
    let failure = try await withClient(server.url) { await $0.submit(submission()) }.failure
    #expect(failure?.progress == .maybeWritten)
    #expect(failure?.code == "closed")
    try await server.stop()
  }

  @Test func `an answer that is not HTTP may be written`() async throws {
    let server = try await ScriptedServer([
      .readRequest, .send("220 mail.example ready \(testKey)\r\n"), .close,
    ])
    let failure = try await withClient(server.url) { await $0.submit(submission()) }.failure
    #expect(failure?.progress == .maybeWritten)
    #expect(failure?.code == "protocol")
    #expect(failure?.message.contains(testKey) == false)
    try await server.stop()
  }

  @Test func `no answer in time may be written`() async throws {
    let server = try await ScriptedServer([.readRequest])
    let clock = TimeOutClock()
    let failure = try await withClient(server.url, clock: clock) { service in
      async let exchange = service.submit(submission())
      await server.requests.wait(for: 1)
      clock.ring()
      return await exchange
    }.failure
    #expect(failure?.progress == .maybeWritten)
    #expect(failure?.code == "timeout")
    #expect(clock.lengths == [.seconds(60)])
    await server.closings.wait(for: 1)
    try await server.stop()
  }

  @Test func `a request given up after it was sent may be written`() async throws {
    let server = try await ScriptedServer([.readRequest])
    let failure = try await withClient(server.url) { service in
      let task = Task { await service.submit(submission()) }
      await server.requests.wait(for: 1)
      task.cancel()
      return await task.value
    }.failure
    #expect(failure?.progress == .maybeWritten)
    #expect(failure?.code == "cancelled")
    await server.closings.wait(for: 1)
    try await server.stop()
  }

  @Test func `a request given up before it began is not sent`() async throws {
    let server = try await ScriptedServer([.readRequest])
    let failure = try await withClient(server.url) { service in
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return await service.submit(submission())
      }
      return await task.value
    }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "cancelled")
    #expect(server.connections.entries.isEmpty)
    try await server.stop()
  }

  @Test func `a request halfway that is given up is not written`() async throws {
    let server = try await ScriptedServer([.read(bytes: 4 << 20), .mark, .stall])
    let failure = try await withClient(server.url) { service in
      let task = Task { await service.submit(largeSubmission()) }
      await server.marks.wait(for: 1)
      task.cancel()
      return await task.value
    }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "cancelled")
    try await server.stop()
  }

  @Test func `after shutdown nothing is sent`() async throws {
    let server = try await ScriptedServer()
    let failure = try await withClient(server.url) { service in
      await service.shutdown()
      return await service.submit(submission())
    }.failure
    #expect(failure?.progress == .notWritten)
    #expect(server.connections.entries.isEmpty)
    try await server.stop()
  }
}
