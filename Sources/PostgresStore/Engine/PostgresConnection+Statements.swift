import BatchDomain
import CPostgres
import Crypto
import Foundation
import StoreCore

/// Statements of a ``PostgresConnection``: one with its result, several on one way, and rows in bulk.
extension PostgresConnection {
  func prepare(_ sql: String) throws(StoreError) -> any SQLCursor {
    PostgresCursor(PostgresText.translate(sql), on: self)
  }

  func execute(_ sql: String) throws(StoreError) { try run(sql, operation: "run a statement") }

  /// - Returns: how many rows the last of them changed or found.
  @discardableResult
  func run(_ sql: String, operation: String) throws(StoreError) -> Int {
    try runWaiting()
    let result = try checked(exec(sql, on: try connected()), operation: operation)
    defer { PQclear(result) }
    return Self.changedRows(result)
  }

  func bulkSink(into table: String, _ columns: [String]) -> (any BulkRowSink)? {
    PostgresCopy(into: table, columns, on: self)
  }

  /// Hands over rows that are in the form of `COPY`.
  func copy(_ data: [UInt8], _ sql: String) throws(StoreError) {
    try runWaiting()
    let connection = try openTransaction()
    let begun = exec(sql, on: connection)
    guard PQresultStatus(begun) == PGRES_COPY_IN else {
      return PQclear(try checked(begun, sql))
    }
    PQclear(begun)
    let isSent = data.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: Self.copyPiece).allSatisfy { start in
        let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + Self.copyPiece, bytes.count)])
        let start = piece.bindMemory(to: CChar.self).baseAddress
        guard PQputCopyData(connection, start, Int32(piece.count)) == 1 else { return false }
        flush(connection)
        return true
      }
    }
    _ = PQputCopyEnd(connection, isSent ? nil : "not all rows could be sent")
    PQclear(try checked(lastResult(connection), sql))
  }

  /// Bytes that are handed to libpq at once: it keeps what it was not able to send yet.
  private static let copyPiece = 64 << 10

  /// The connection of a transaction, which must not be made anew.
  func openTransaction() throws(StoreError) -> OpaquePointer {
    guard let handle, PQstatus(handle) == CONNECTION_OK else {
      throw StoreError(.unreachable, "the connection to \(target.shown) broke during a change")
    }
    return handle
  }

  /// Runs a statement with its parameters.
  ///
  /// - Parameter digest: what it is prepared as; set where it is not known yet.
  func run(
    _ sql: String, _ digest: inout String?, _ parameters: PostgresParameters
  ) throws(StoreError) -> OpaquePointer {
    let connection = try connected()
    let isAlone = PQtransactionStatus(connection) == PQTRANS_IDLE
    do throws(StoreError) {
      return try run(sql, &digest, parameters, on: connection)
    } catch {
      // A connection that broke since its last use is noticed only now; a read that stands alone can be made again.
      guard case .reader = role, isAlone, PQstatus(connection) != CONNECTION_OK else { throw error }
      return try run(sql, &digest, parameters, on: try connected())
    }
  }

  private func run(
    _ sql: String, _ digest: inout String?, _ parameters: PostgresParameters,
    on connection: OpaquePointer
  ) throws(StoreError) -> OpaquePointer {
    let name = try prepare(sql, &digest, parameters, on: connection)
    guard waiting.isEmpty else {
      // One way to the server and back for all of them.
      try send(sql, name, parameters, on: connection)
      let (last, failure) = collect(wanting: sql, on: connection)
      if let failure { throw failure }
      return try checked(last, sql)
    }
    try send(sql, name, parameters, on: connection)
    return try checked(lastResult(connection), sql)
  }

  /// A statement that is prepared on the connection.
  struct Prepared {
    let name: String
    private var uses = 0
    private let limit: Int
    private let round: Int

    /// The first, or another one in place of the last.
    init(_ digest: String, after last: Prepared?) {
      round = last.map { $0.round + 1 } ?? 0
      limit = last.map { $0.limit * 8 } ?? 64
      name = "o\(digest)_\(round)"
    }

    /// Counts a use; `false` when it is time to prepare it anew.
    ///
    /// The server makes up its mind about a plan in the first uses and keeps to it, until it has looked through the table:
    /// a plan for a table that was empty then may read all of it once it is large.
    mutating func takeUse() -> Bool {
      uses += 1
      return uses <= limit
    }
  }

  /// The name of a statement on this connection, on which it is prepared where it is not; `nil` where none is.
  private func prepare(
    _ sql: String, _ digest: inout String?, _ parameters: PostgresParameters, on connection: OpaquePointer
  ) throws(StoreError) -> String? {
    guard preparing == .always || preparing == .withoutPooler && !isPooled else { return nil }
    let types = parameters.types
    let key = digest ?? Self.digest(of: sql, types)
    digest = key
    if prepared[key]?.takeUse() == true { return prepared[key]?.name }
    try runWaiting()
    let next = Prepared(key, after: prepared[key])
    guard PQsendPrepare(connection, next.name, sql, Int32(types.count), types) == 1 else {
      throw failure(of: nil, operation: "run \(Self.name(of: sql))")
    }
    PQclear(try checked(lastResult(connection), sql))
    prepared[key] = next
    return next.name
  }

  /// The name of a prepared statement says all of it: where a pooler hands a connection on with what another process prepared,
  /// the same name is never another statement.
  private static func digest(of sql: String, _ types: [Oid]) -> String {
    let digest = SHA256.hash(data: Data("\(types) \(sql)".utf8))
    return digest.prefix(16).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  // MARK: Statements that wait

  var hasWaitingStatements: Bool { !waiting.isEmpty }

  /// Hands a statement over without waiting for its result.
  func runLater(
    _ sql: String, _ digest: inout String?, _ parameters: PostgresParameters,
    _ check: @escaping RowCheck
  ) throws(StoreError) {
    let connection = try openTransaction()
    let name = try prepare(sql, &digest, parameters, on: connection)
    if waiting.isEmpty, PQenterPipelineMode(connection) != 1 {
      throw failure(of: nil, operation: "run \(Self.name(of: sql))")
    }
    try send(sql, name, parameters, on: connection)
    waiting.append((sql, check))
  }

  func runWaiting() throws(StoreError) {
    guard !waiting.isEmpty else { return }
    if let failure = collect(wanting: nil, on: try openTransaction()).failure { throw failure }
  }

  func forgetWaiting() {
    guard !waiting.isEmpty, let handle else { return }
    PQclear(collect(wanting: nil, on: handle).last)
  }

  private func send(
    _ sql: String, _ name: String?, _ parameters: PostgresParameters, on connection: OpaquePointer
  ) throws(StoreError) {
    let isSent = parameters.withPointers { count, types, values, lengths, formats in
      if let name { return PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1) }
      return PQsendQueryParams(connection, sql, count, types, values, lengths, formats, 1)
    }
    guard isSent == 1 else { throw failure(of: nil, operation: "run \(Self.name(of: sql))") }
  }

  /// Reads the results of all statements that wait, in their order, and ends the pipeline.
  ///
  /// - Parameter wanted: the statement behind them whose own result is wanted.
  /// - Returns: that result, and the first failure: of those behind it nothing was run, or nothing that stands.
  private func collect(
    wanting wanted: String?, on connection: OpaquePointer
  ) -> (last: OpaquePointer?, failure: StoreError?) {
    let statements = waiting
    waiting = []
    PQpipelineSync(connection)
    var failure: StoreError?
    for (sql, check) in statements {
      let result = nextResult(connection)
      guard failure == nil else {
        PQclear(result)
        continue
      }
      do throws(StoreError) {
        let found = try checked(result, sql)
        defer { PQclear(found) }
        try check(Self.changedRows(found))
      } catch {
        failure = error
      }
    }
    var last = wanted == nil ? nil : nextResult(connection)
    // The mark of the end.
    PQclear(nextAnswer(connection))
    if PQexitPipelineMode(connection) != 1 {
      failure = failure ?? self.failure(of: nil, operation: "run statements together")
      disconnect()
    }
    if failure != nil {
      PQclear(last)
      last = nil
    }
    return (last, failure)
  }

  /// The result of one statement of a pipeline; `nil` where the connection broke.
  private func nextResult(_ connection: OpaquePointer) -> OpaquePointer? {
    let result = nextAnswer(connection)
    // Behind the result of each statement comes its end.
    if result != nil { PQclear(nextAnswer(connection)) }
    return result
  }

  /// Rows that a statement changed.
  static func changedRows(_ result: OpaquePointer) -> Int {
    PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
  }

  private func checked(_ result: OpaquePointer?, _ sql: String) throws(StoreError) -> OpaquePointer {
    try checked(result, operation: "run \(Self.name(of: sql))")
  }

  /// A result that tells of success.
  ///
  /// - Parameter operation: what was being done, as a clause that completes "failed to ...".
  func checked(_ result: OpaquePointer?, operation: String) throws(StoreError) -> OpaquePointer {
    guard let result else {
      guard handle.map({ PQstatus($0) }) == CONNECTION_OK else {
        throw failure(of: nil, operation: operation)
      }
      throw StoreError(.inputOutput, "libpq has no memory for an answer")
    }
    guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY].contains(PQresultStatus(result)) else {
      defer { PQclear(result) }
      throw failure(of: result, operation: operation)
    }
    return result
  }

  /// The first words of a statement: enough to name it, and never a value.
  private static func name(of sql: String) -> String {
    sql.split(maxSplits: 3) { $0 == " " || $0 == "\n" }.prefix(3).joined(separator: " ")
  }

  /// - Parameter result: `nil` where the connection itself is all that is left to tell.
  func failure(of result: OpaquePointer?, operation: String) -> StoreError {
    let state = cpostgres_sqlstate(result).map { String(cString: $0) }
    let message =
      cpostgres_message(result).map { String(cString: $0) } ?? reasonOfBreak ?? handle.map {
        String(cString: PQerrorMessage($0))
      } ?? ""
    return PostgresFailure.error(
      state, message, operation: operation, target: target,
      isBroken: handle.map { PQstatus($0) } != CONNECTION_OK)
  }
}
