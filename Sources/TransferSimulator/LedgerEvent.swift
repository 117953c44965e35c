/// One line of a ledger file.
struct LedgerEvent: Decodable {
  struct Element: Decodable {
    var indexId: String
    var object: String
  }

  var event: String
  var ordinal: Int
  var transfer: Int?
  var endpoint: String?
  var receivedAt: Int64?
  var method: String?
  var path: String?
  var connection: Int?
  var inFlight: Int?
  var keyMatched: Bool?
  var headers: [String: String]?
  var elements: [Element]?
  var accepted: Int?
  var skipped: Int?
  var answeredAt: Int64?
  var status: Int?
  var fault: String?

  /// The entry that an arrival begins; nil for other events.
  var arrived: LedgerEntry? {
    guard event == "arrival" else { return nil }
    return LedgerEntry(
      ordinal: ordinal, transfer: transfer,
      endpoint: endpoint.flatMap { SimulatorEndpoint(rawValue: $0) } ?? .unknown,
      receivedAt: receivedAt ?? 0,
      method: method ?? "", path: path ?? "", headers: headers ?? [:], keyMatched: keyMatched ?? false,
      connection: connection ?? 0, inFlight: inFlight ?? 0,
      elements: (elements ?? []).map { ElementKey(indexID: $0.indexId, object: $0.object) })
  }

  /// Adds what a later event says.
  func complete(_ entry: inout LedgerEntry) {
    entry.accepted = accepted ?? 0
    entry.skipped = skipped ?? 0
    if event == "taken" { entry.isTaken = true }
    if event == "answer" {
      entry.answeredAt = answeredAt
      entry.status = status
      entry.fault = fault.flatMap { FaultKind(rawValue: $0) }
    }
  }
}
