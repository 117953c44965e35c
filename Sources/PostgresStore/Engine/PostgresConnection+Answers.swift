import BatchDomain
import CPostgres
import Foundation

/// Waiting for what the server answers, for no longer than it may take.
///
/// libpq's calls that ask and wait in one have no time limit, and that of the system (`tcp_user_timeout`) does not help where a
/// pooler or a proxy keeps the connection and hands nothing on. So questions are sent and answers are read in steps
/// (https://www.postgresql.org/docs/current/libpq-async.html).
extension PostgresConnection {
  /// How long nothing may come from a server that is to answer.
  struct Silence {
    let limit: Duration
    /// Whether a connection is kept for longer while the server is at work on it: a COMMIT may wait for a standby, and a
    /// report for a large table.
    let waitsForWork: Bool
  }

  /// How long another connection is waited for that tells whether the server is at work.
  private static let lookSilence = Silence(limit: .seconds(10), waitsForWork: false)

  /// How long a connection for reading is kept behind a pooler, where nobody can tell whether the server is at work for it.
  private static let pooledReadLimit: Duration = .seconds(600)

  /// How often libpq is given the chance to find bytes that the encryption below it has read already: the socket does not
  /// tell of those.
  private static let look: Duration = .milliseconds(250)

  /// Runs statements, and waits for them.
  ///
  /// - Returns: the result of the last one that was run, or of the first that failed, as `PQexec` has it; `nil` where there
  ///   is none, for which ``checked(_:_:)`` has the reason.
  func exec(_ sql: String, on connection: OpaquePointer) -> OpaquePointer? {
    guard PQsendQuery(connection, sql) == 1 else { return nil }
    return lastResult(connection)
  }

  /// The last result of what was sent; that of a `COPY` has others behind it.
  func lastResult(_ connection: OpaquePointer) -> OpaquePointer? {
    var last: OpaquePointer?
    while let next = nextAnswer(connection) {
      // Behind the server's own words comes that the connection is gone.
      if last.map(PQresultStatus) == PGRES_FATAL_ERROR, PQresultStatus(next) == PGRES_FATAL_ERROR {
        PQclear(next)
      } else {
        PQclear(last)
        last = next
      }
      if PQresultStatus(next) == PGRES_COPY_IN || PQstatus(connection) != CONNECTION_OK { break }
    }
    return last
  }

  /// The next result of what was sent; `nil` at the end of one command.
  func nextAnswer(_ connection: OpaquePointer) -> OpaquePointer? {
    waitForAnswer(connection)
    return PQgetResult(connection)
  }

  /// Waits until the next result can be taken without waiting, and sends what is still to be sent meanwhile.
  ///
  /// A connection on which nothing moves for longer than it may is shut down: libpq then tells of a connection that broke.
  func waitForAnswer(_ connection: OpaquePointer) {
    move(connection) { PQisBusy(connection) == 1 }
  }

  /// Sends what libpq has kept of what it was given.
  func flush(_ connection: OpaquePointer) { move(connection) { false } }

  /// Sends and receives for as long as something is to be sent, or the caller waits for an answer.
  private func move(_ connection: OpaquePointer, while isWaiting: () -> Bool) {
    var heard = ContinuousClock.now
    while true {
      let unsent = PQflush(connection)
      guard unsent > 0 || unsent == 0 && isWaiting(), PQstatus(connection) == CONNECTION_OK else { return }
      var socket = pollfd(
        fd: PQsocket(connection), events: Int16(POLLIN) | (unsent > 0 ? Int16(POLLOUT) : 0), revents: 0)
      let left = limit.map { $0 - (ContinuousClock.now - heard) } ?? Self.look
      let ready = poll(&socket, 1, CInt(clamping: max(.zero, min(left, Self.look)).millisecondsRoundedUp))
      if ready > 0 { heard = .now }
      guard PQconsumeInput(connection) == 1 else {
        // The result that follows only tells that there is no socket.
        if reasonOfBreak == nil { reasonOfBreak = String(cString: PQerrorMessage(connection)) }
        return
      }
      guard ready == 0, left <= .zero, unsent > 0 || isWaiting() else { continue }
      if isServed(connection) {
        heard = .now
      } else {
        reasonOfBreak = silence.map { "the server did not answer for \(DurationText.format($0.limit))" }
        shutdown(socket.fd, CInt(SHUT_RDWR))
        heard = .now
      }
    }
  }

  /// How long nothing may come; `nil` for as long as it takes.
  private var limit: Duration? {
    guard let silence else { return nil }
    if case .reader = role, isPooled, silence.waitsForWork { return max(silence.limit, Self.pooledReadLimit) }
    return silence.limit
  }

  /// Whether the server is at work on what was asked on a connection, as another connection finds out.
  private func isServed(_ connection: OpaquePointer) -> Bool {
    guard silence?.waitsForWork == true else { return false }
    let other = PostgresConnection(
      target, application: application, role: .reader, preparing: .never, patience: .zero,
      silence: Self.lookSilence)
    do throws(StoreError) {
      guard isPooled else {
        let state = try other.value(
          "SELECT state FROM pg_stat_activity WHERE pid = \(PQbackendPID(connection))")
        // `disabled` where the server does not track what its processes do.
        return state.map { !$0.hasPrefix("idle") } ?? false
      }
      // Which process works for the connection is not known; the row of its mark is locked for as long as its transaction is open.
      guard case .writer(let client, _) = role else { return false }
      _ = try other.value("SELECT number FROM transaction_mark WHERE client = '\(client)' FOR UPDATE NOWAIT")
      return false
    } catch {
      // A server that nobody reaches is not waited for on a connection that says nothing either.
      return error.code == .locked
    }
  }
}
