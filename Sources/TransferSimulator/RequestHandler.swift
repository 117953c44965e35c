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
  let ledger: Ledger
  let plan: FaultPlan
  let meter: BudgetMeter?
  let registry: ConnectionRegistry
  let closings: ClosingCounter

  var profile: SimulatorProfile { configuration.profile }

  /// Reads a request, and answers it or not.
  func respond(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
    let target = request.head.path ?? "/"
    let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let route = Route(method: request.method.rawValue, path: String(halves[0]), profile: profile)
    var endpoint = SimulatorEndpoint.unknown
    if case .endpoint(let found, _) = route { endpoint = found }
    let key = request.headers.first { $0.name.canonicalName == "x-api-key" }?.value
    let matches = configuration.apiKey.map { $0 == key } ?? !(key ?? "").isEmpty
    let connection = registry.connection(of: channel)
    let entry = ledger.arrive(
      { ordinal, transfer, inFlight in
        LedgerEntry(
          ordinal: ordinal, transfer: transfer, endpoint: endpoint, receivedAt: configuration.clock.now,
          method: request.method.rawValue, path: target, headers: headers(request), keyMatched: matches,
          connection: connection.id, inFlight: inFlight)
      }, isTransfer: endpoint == .transfers, isGone: connection.isGone)
    let exchange = Exchange(
      ordinal: entry.ordinal, transfer: entry.transfer, connection: connection, key: key, keyMatched: matches,
      query: QueryString(halves.count > 1 ? halves[1] : ""))
    connection.begin(entry.ordinal)
    defer {
      connection.end()
      ledger.answer(entry.ordinal, status: nil)
    }
    if endpoint == .transfers {
      try await transfer(exchange, request, writer)
    } else {
      let body = endpoint == .create ? try await self.body(request, exchange) : Data()
      ledger.identify(entry.ordinal, elements: [])
      let answer = body.map { self.answer(route, exchange, request, $0) } ?? tooLarge
      try await send(answer, exchange, writer)
    }
  }

  var tooLarge: Answer {
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
      let isSecret = name == "x-api-key" || name == "authorization"
      let value = isSecret ? "[redacted]" : field.value
      found[name] = found[name].map { $0 + ", " + value } ?? value
    }
  }
}
