import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import TransferSimulator

/// A running simulator and an HTTP client that knows nothing about it.
struct Probe: Sendable {
  /// What came back.
  struct Reply: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: String

    func header(_ name: String) -> String? { headers.first(name: name) }

    var json: [String: Any] {
      (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
    }

    var rows: [[String: Any]] { json["data"] as? [[String: Any]] ?? [] }

    func texts(_ name: String) -> [String] { rows.compactMap { $0[name] as? String } }
  }

  enum Method: String {
    case GET, POST, DELETE
  }

  static let index = "629d807aa9e2a3a33a92c00b"

  let server: SimulatorServer
  let client: HTTPClient
  let profile: SimulatorProfile
  /// The clock that the test turns, where it has set one.
  let clock: ManualSimulatorClock?

  /// Starts a simulator, runs `body`, and stops it whatever happens.
  static func run<Value>(
    _ configure: (inout SimulatorConfiguration) -> Void = { _ in },
    _ body: (Probe) async throws -> Value
  ) async throws -> Value {
    var configuration = SimulatorConfiguration()
    configuration.apiKey = "right-key"
    configure(&configuration)
    let server = try await SimulatorServer.start(configuration)
    var options = HTTPClient.Configuration(redirectConfiguration: .disallow)
    options.httpVersion = .http1Only
    options.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
    options.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: options)
    let result: Result<Value, any Error>
    do {
      result = .success(
        try await body(
          Probe(
            server: server, client: client, profile: configuration.profile,
            clock: configuration.clock as? ManualSimulatorClock)))
    } catch {
      result = .failure(error)
    }
    await server.stop()
    try await client.shutdown()
    return try result.get()
  }

  func send(
    _ method: Method, _ path: String, key: String? = "right-key", type: String? = nil, body: String? = nil
  ) async throws -> Reply {
    var request = HTTPClientRequest(url: server.address + path)
    request.method = HTTPMethod(rawValue: method.rawValue)
    if let key { request.headers.add(name: "X-Api-Key", value: key) }
    if let type { request.headers.add(name: "Content-Type", value: type) }
    if let body { request.body = .bytes(ByteBuffer(string: body)) }
    let response = try await client.execute(request, timeout: .minutes(5))
    let content = try await response.body.collect(upTo: 64 << 20)
    return Reply(
      status: Int(response.status.code), headers: response.headers, body: String(buffer: content))
  }

  func get(_ path: String, key: String? = "right-key") async throws -> Reply {
    try await send(.GET, path, key: key)
  }

  /// Lists with a query such as `page=2&page_limit=5`.
  func list(_ query: String = "") async throws -> Reply {
    try await get(profile.tasksPath + (query.isEmpty ? "" : "?" + query))
  }

  /// Sends objects named by the last part of their key.
  func transfer(
    _ names: [String], index: String = Probe.index, key: String? = "right-key"
  ) async throws -> Reply {
    try await transfer(content: Probe.file(names, index: index), key: key)
  }

  /// Sends a `file` part with this content.
  func transfer(
    content: String, key: String? = "right-key"
  ) async throws -> Reply {
    try await send(
      .POST, profile.transfersPath, key: key, type: "multipart/form-data; boundary=edge",
      body: Probe.form(content))
  }

  static func object(_ name: String) -> String { "s3://media/a/\(name)" }

  static func keys(_ names: [String], index: String = Probe.index) -> [ElementKey] {
    names.map { ElementKey(indexID: index, object: object($0)) }
  }

  static func file(_ names: [String], index: String = Probe.index) -> String {
    let elements = names.map {
      #"{"index_id":"\#(index)","language":"en","object":"\#(object($0))"}"#
    }
    return "[" + elements.joined(separator: ",") + "]"
  }

  static func form(_ content: String, name: String = "file") -> String {
    "--edge\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"chunk.json\"\r\n"
      + "Content-Type: application/json\r\n\r\n\(content)\r\n--edge--\r\n"
  }
}
