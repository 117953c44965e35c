import BatchDomain
import Foundation
import ServiceHTTP
import TestSupport
import Testing
import TransfersService

/// What is different about encrypted connections: they take their time to close, and bring what was on its way meanwhile.
@Suite(.timeLimit(.minutes(10)))
struct EncryptedConnectionTests {
  private static let answer = ScriptedServer.Step.send(HTTPAnswer.text(200))
  private static let tls = ScriptedServer.Step.startTLS(TestCertificates.service)

  private func withService<Value>(
    _ server: ScriptedServer, _ body: (TransfersHTTP) async throws -> Value
  ) async throws -> Value {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).pem")
    try Data(TestCertificates.authority.utf8).write(to: file)
    defer { _ = try? FileManager.default.removeItem(at: file) }
    return try await withClient(
      "https://localhost:\(server.port)", environment: ["SSL_CERT_FILE": file.path], body)
  }

  @Test func `an encrypted connection is used again`() async throws {
    let server = try await ScriptedServer(
      [Self.tls, .readRequest, Self.answer], [.readRequest, Self.answer])
    try await withService(server) { service in
      for number in 1...2 { #expect(await service.submit(submission(number)).answer?.status == 200) }
    }
    #expect(server.connections.entries.count == 1)
    try await server.stop()
  }

  @Test func `one that was given up within an answer carries no more requests`() async throws {
    let length = 1 << 30
    let server = try await ScriptedServer(
      [Self.tls, .readRequest, .send("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n"), .flood],
      [Self.tls, .readRequest, Self.answer])
    try await withService(server) { service in
      #expect(await service.submit(submission(1)).answer?.status == 200)
      let second = await service.submit(submission(2))
      #expect(second.answer?.status == 200, "\(second)")
    }
    #expect(server.connections.entries.count == 2)
    try await server.stop()
  }

  @Test func `one that was given up before its answer carries no more requests`() async throws {
    let server = try await ScriptedServer(
      [Self.tls, .readRequest, .mark, .wait, Self.answer], [Self.tls, .readRequest, Self.answer])
    try await withService(server) { service in
      let task = Task { await service.submit(submission(1)) }
      await server.marks.wait(for: 1)
      task.cancel()
      #expect(await task.value.failure?.progress == .maybeWritten)
      server.gate.open()
      let second = await service.submit(submission(2))
      #expect(second.answer?.status == 200, "\(second)")
    }
    #expect(server.connections.entries.count == 2)
    try await server.stop()
  }

  @Test func `one that brought an answer too many carries no more requests`() async throws {
    let twice = HTTPAnswer.text(200) + HTTPAnswer.text(201)
    let server = try await ScriptedServer(
      [Self.tls, .readRequest, .send(twice)], [Self.tls, .readRequest, Self.answer])
    try await withService(server) { service in
      #expect(await service.submit(submission(1)).answer?.status == 200)
      await server.closings.wait(for: 1)
      let second = await service.submit(submission(2))
      #expect(second.answer?.status == 200, "\(second)")
    }
    try await server.stop()
  }

  @Test func `shutting down ends requests that wait for a connection, at once`() async throws {
    let server = try await ScriptedServer([.stall])
    let failure = try await withService(server) { service in
      async let exchange = service.submit(submission())
      await server.connections.wait(for: 1)
      await service.shutdown()
      return await exchange
    }.failure
    #expect(failure?.progress == .notWritten)
    #expect(failure?.code == "cancelled")
    try await server.stop()
  }
}
