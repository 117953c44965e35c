import Foundation
import Synchronization

/// The record of every request, for tests to read back.
///
/// Requests that submit are transfers requests and, with v1.3, uploads and what puts an asset into an index.
package final class Ledger: Sendable {
  private struct Waiter {
    let condition: @Sendable (State) -> Bool
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var entries: [LedgerEntry] = []
    var transfers = 0
    var underWay: Set<Int> = []
    var maxInFlight = 0
    var acceptedCounts: [ElementKey: Int] = [:]
    var waiters: [Int: Waiter] = [:]
    var nextWaiter = 0
  }

  private let clock: any SimulatorClock
  private let file: LedgerFile?
  private let state = Mutex(State())

  init(clock: any SimulatorClock, file: LedgerFile?) {
    self.clock = clock
    self.file = file
  }

  /// All entries so far, in order of arrival.
  package var entries: [LedgerEntry] { state.withLock { $0.entries } }

  /// The entries of requests that submit, in order of arrival.
  package var transfers: [LedgerEntry] { entries.filter { $0.transfer != nil } }

  /// The number of requests that submit that arrived.
  package var transferCount: Int { state.withLock { $0.transfers } }

  /// The largest number of requests that submit under way at the same time.
  package var maxInFlight: Int { state.withLock { $0.maxInFlight } }

  /// The number of requests that submit under way now.
  package var inFlight: Int { state.withLock { $0.underWay.count } }

  /// How often each element was in a request whose elements the service took, skipped repeats included.
  package var acceptedCounts: [ElementKey: Int] { state.withLock { $0.acceptedCounts } }

  /// Suspends until `count` requests that submit have arrived; the body of the last may not have been read yet.
  package func waitFor(transfers count: Int) async throws {
    try await wait { $0.transfers >= count }
  }

  /// Suspends until `count` requests of any kind have been answered or dropped.
  package func waitFor(answers count: Int) async throws {
    try await waitFor { $0.count { $0.answeredAt != nil } >= count }
  }

  /// Suspends until at most `count` requests that submit are under way.
  package func waitFor(inFlightAtMost count: Int) async throws {
    try await wait { $0.underWay.count <= count }
  }

  /// Suspends until `condition` holds for the entries; it is asked again at every change.
  package func waitFor(_ condition: @escaping @Sendable ([LedgerEntry]) -> Bool) async throws {
    try await wait { condition($0.entries) }
  }

  private func wait(_ condition: @escaping @Sendable (State) -> Bool) async throws {
    let id = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let result: Result<Void, any Error>? = state.withLock { state in
          if Task.isCancelled { return .failure(CancellationError()) }
          if condition(state) { return .success(()) }
          state.waiters[id] = Waiter(condition: condition, continuation: continuation)
          return nil
        }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
      waiter?.continuation.resume(throwing: CancellationError())
    }
  }

  /// Records a request whose head has been read, and returns its entry.
  ///
  /// - Parameter isGone: whether its client has gone already: it is then never under way.
  func arrive(
    _ make: (_ ordinal: Int, _ transfer: Int?, _ inFlight: Int) -> LedgerEntry, isTransfer: Bool,
    isGone: Bool = false
  ) -> LedgerEntry {
    change { state in
      let ordinal = state.entries.count + 1
      if isTransfer {
        state.transfers += 1
        if !isGone { state.underWay.insert(ordinal) }
        state.maxInFlight = max(state.maxInFlight, state.underWay.count)
      }
      let entry = make(ordinal, isTransfer ? state.transfers : nil, isTransfer ? state.underWay.count : 0)
      state.entries.append(entry)
      return entry
    }
  }

  /// Adds what the body said of an asset, and writes the line of the arrival.
  func identify(_ ordinal: Int, tag: String?, index: String?, object: String?) {
    change { state in
      state.entries[ordinal - 1].tag = tag
      state.entries[ordinal - 1].index = index
      state.entries[ordinal - 1].object = object
    }
    identify(ordinal, elements: [])
  }

  /// Adds what the body said, and writes the line of the arrival.
  func identify(_ ordinal: Int, elements: [ElementKey]) {
    let entry = change { state in
      state.entries[ordinal - 1].elements = elements
      return state.entries[ordinal - 1]
    }
    file?.write(arrival: entry)
  }

  /// Records that the service took `elements`.
  func take(_ ordinal: Int, elements: some Sequence<ElementKey>, accepted: Int, skipped: Int) {
    let entry = change { state in
      for key in elements { state.acceptedCounts[key, default: 0] += 1 }
      state.entries[ordinal - 1].isTaken = true
      state.entries[ordinal - 1].accepted = accepted
      state.entries[ordinal - 1].skipped = skipped
      return state.entries[ordinal - 1]
    }
    file?.write(taken: entry)
  }

  /// Records the fault that is about to be applied.
  func meet(_ ordinal: Int, fault: FaultKind) {
    change { $0.entries[ordinal - 1].fault = fault }
  }

  /// Records the answer, just before its last byte leaves; a nil status says that none was sent. Later calls do nothing.
  func answer(_ ordinal: Int, status: Int?) {
    let now = clock.now
    let entry: LedgerEntry? = change { state in
      state.underWay.remove(ordinal)
      guard state.entries[ordinal - 1].answeredAt == nil else { return nil }
      state.entries[ordinal - 1].answeredAt = now
      state.entries[ordinal - 1].status = status
      return state.entries[ordinal - 1]
    }
    if let entry { file?.write(answer: entry) }
  }

  /// Stops counting a request as under way, because its client has gone; its record goes on.
  func abandon(_ ordinal: Int) {
    change { _ = $0.underWay.remove(ordinal) }
  }

  /// Changes the state and wakes those whose condition holds now.
  @discardableResult
  private func change<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
    let (value, woken) = state.withLock { state in
      let value = body(&state)
      let met = state.waiters.filter { $0.value.condition(state) }
      for id in met.keys { state.waiters[id] = nil }
      return (value, met.values.map(\.continuation))
    }
    for continuation in woken { continuation.resume() }
    return value
  }
}

/// One request, from its arrival to its answer.
package struct LedgerEntry: Sendable, Equatable {
  /// The number of the request among all, from 1.
  package let ordinal: Int
  /// The number among requests that submit, from 1; nil for others.
  package let transfer: Int?
  /// What was called.
  package let endpoint: SimulatorEndpoint
  /// When the head of the request was read; milliseconds since 1970, by the simulator's clock.
  package let receivedAt: Int64
  /// The method.
  package let method: String
  /// The path with its query.
  package let path: String
  /// The headers, names in lower case; the values of `x-api-key` and `authorization` are `[redacted]`.
  package let headers: [String: String]
  /// Whether the right key came.
  package let keyMatched: Bool
  /// The connection, numbered from 1 in order of acceptance.
  package let connection: Int
  /// Requests that submit under way at arrival, this one included; 0 for other requests.
  package let inFlight: Int
  /// With v1.3: the tag of the item, once the body was read.
  package var tag: String?
  /// With v1.3: the index that the path names.
  package var index: String?
  /// With v1.3: the URL of an upload without its query, or the asset that is to be indexed.
  package var object: String?
  /// The elements, once the body was read and understood.
  package var elements: [ElementKey] = []
  /// Whether the service took the elements, all or those before a poisoned one.
  package var isTaken = false
  /// New elements.
  package var accepted = 0
  /// Elements skipped because they had been taken before.
  package var skipped = 0
  /// The fault that was applied.
  package var fault: FaultKind?
  /// When the answer was about to be complete, or the request was dropped; nil while under way.
  package var answeredAt: Int64?
  /// The status sent; nil while under way, and when none was sent or the client had gone.
  package var status: Int?
}

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
  var tag: String?
  var index: String?
  var object: String?
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
      connection: connection ?? 0, inFlight: inFlight ?? 0, tag: tag, index: index, object: object,
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

/// Writes the ledger as JSON lines, each with one write call, so that what happened survives the process.
///
/// Events: `arrival` (after the body was read), `taken` (the work is done) and `answer`; all carry `ordinal`.
final class LedgerFile: Sendable {
  private let handle: Mutex<FileHandle>

  /// Creates or truncates the file.
  init(path: String) throws {
    let url = URL(fileURLWithPath: path)
    try Data().write(to: url)
    handle = Mutex(try FileHandle(forWritingTo: url))
  }

  func write(arrival entry: LedgerEntry) {
    write([
      ("event", "arrival"), ("ordinal", .integer(entry.ordinal)),
      ("transfer", entry.transfer.map { .integer($0) } ?? .null),
      ("endpoint", .string(entry.endpoint.rawValue)),
      ("received_at", .integer(Int(entry.receivedAt))), ("method", .string(entry.method)),
      ("path", .string(entry.path)), ("connection", .integer(entry.connection)),
      ("in_flight", .integer(entry.inFlight)), ("key_matched", .bool(entry.keyMatched)),
      ("headers", .object(entry.headers.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
      ("tag", entry.tag.map { .string($0) } ?? .null), ("index", entry.index.map { .string($0) } ?? .null),
      ("object", entry.object.map { .string($0) } ?? .null),
      (
        "elements",
        .array(
          entry.elements.map {
            .object([("index_id", .string($0.indexID)), ("object", .string($0.object))])
          })
      ),
    ])
  }

  func write(taken entry: LedgerEntry) {
    write([
      ("event", "taken"), ("ordinal", .integer(entry.ordinal)), ("accepted", .integer(entry.accepted)),
      ("skipped", .integer(entry.skipped)),
    ])
  }

  func write(answer entry: LedgerEntry) {
    write([
      ("event", "answer"), ("ordinal", .integer(entry.ordinal)),
      ("answered_at", entry.answeredAt.map { .integer(Int($0)) } ?? .null),
      ("status", entry.status.map { .integer($0) } ?? .null),
      ("fault", entry.fault.map { .string($0.rawValue) } ?? .null), ("accepted", .integer(entry.accepted)),
      ("skipped", .integer(entry.skipped)),
    ])
  }

  private func write(_ members: [(String, JSONText)]) {
    let line = Data((JSONText.object(members).text + "\n").utf8)
    handle.withLock { handle in
      // A full disk must not stop the simulated service; the missing line shows it.
      try? handle.write(contentsOf: line)
    }
  }
}

extension Ledger {
  /// Reads back what a simulator wrote to its ledger file, also one that was killed: a last line that is cut is ignored.
  package static func read(_ path: String) throws -> [LedgerEntry] {
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    var entries: [LedgerEntry] = []
    var positions: [Int: Int] = [:]
    let lines = text.split(separator: "\n")
    for (number, line) in lines.enumerated() {
      let event: LedgerEvent
      do {
        event = try decoder.decode(LedgerEvent.self, from: Data(line.utf8))
      } catch {
        // Only the last line can be cut, by the end of the process. Any other loss would falsify the count of items
        // taken twice.
        guard number == lines.count - 1, !text.hasSuffix("\n") else { throw error }
        break
      }
      if let arrived = event.arrived {
        positions[event.ordinal] = entries.count
        entries.append(arrived)
      } else if let position = positions[event.ordinal] {
        event.complete(&entries[position])
      }
    }
    return entries
  }
}
