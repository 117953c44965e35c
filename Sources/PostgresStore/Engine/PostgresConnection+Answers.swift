import BatchDomain
import CPostgres
import Foundation

/// Waiting for the answers of the server, with a limit.
///
/// libpq's calls that send a question and wait for its answer have no time limit. That of the system (`tcp_user_timeout`) does not
/// help if a pooler or a proxy keeps the connection and forwards nothing. So questions are sent and answers are read in steps
/// (https://www.postgresql.org/docs/current/libpq-async.html).
extension PostgresConnection {
  /// How long nothing may come from a server that is to answer.
  struct Silence {
    let limit: Duration
    /// Whether a connection is kept for longer while the server is at work on it: a COMMIT may wait for a standby, and a
    /// report for a large table.
    let waitsForWork: Bool
  }

  /// The limit for the connection that asks whether the server is at work.
  private static let lookSilence = Silence(limit: .seconds(10), waitsForWork: false)

  /// How long a silent connection is kept if nobody can tell whether the server is at work on it.
  private static let unknownLimit: Duration = .seconds(600)

  /// How often libpq is given the chance to find bytes that the encryption below it has read already: the socket does not
  /// tell of those.
  private static let look: Duration = .milliseconds(250)

  /// Runs statements, and waits for them.
  ///
  /// - Returns: the result of the last one that was run, or of the first that failed, as `PQexec` has it; `nil` where there
  ///   is none, for which ``checked(_:operation:)`` has the reason.
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
  /// A connection that is silent for too long is shut down: libpq then reports a broken connection.
  func waitForAnswer(_ connection: OpaquePointer) {
    move(connection) { PQisBusy(connection) == 1 }
  }

  /// Sends what libpq has kept of what it was given.
  func flush(_ connection: OpaquePointer) { move(connection) { false } }

  /// Sends and receives for as long as something is to be sent, or the caller waits for an answer.
  private func move(_ connection: OpaquePointer, while isWaiting: () -> Bool) {
    var heard = ContinuousClock.now
    var nextLook = silence.map { heard + $0.limit }
    while true {
      let unsent = PQflush(connection)
      guard unsent >= 0 else { return giveUp(connection, String(cString: PQerrorMessage(connection))) }
      guard unsent > 0 || isWaiting(), PQstatus(connection) == CONNECTION_OK else { return }
      var socket = pollfd(
        fd: PQsocket(connection), events: Int16(POLLIN) | (unsent > 0 ? Int16(POLLOUT) : 0), revents: 0)
      let left = nextLook.map { $0 - .now } ?? Self.look
      let ready = poll(&socket, 1, CInt(clamping: max(.zero, min(left, Self.look)).millisecondsRoundedUp))
      if ready > 0 {
        heard = .now
        nextLook = silence.map { heard + $0.limit }
      }
      guard PQconsumeInput(connection) == 1 else {
        return giveUp(connection, String(cString: PQerrorMessage(connection)))
      }
      guard let silence, ready == 0, left <= .zero, unsent > 0 || isWaiting() else { continue }
      switch work(on: connection, silence) {
      case .going:
        heard = .now
      case .unknown where .now - heard < Self.unknownLimit:
        break
      case .none, .unknown:
        let silent = DurationText.format(.seconds((ContinuousClock.now - heard).components.seconds))
        return giveUp(connection, "the server did not answer for \(silent)")
      }
      nextLook = .now + silence.limit
    }
  }

  /// Ends a connection that is of no use any more: libpq would otherwise wait on it for the result that is asked for next.
  private func giveUp(_ connection: OpaquePointer, _ reason: String) {
    if reasonOfBreak == nil { reasonOfBreak = reason }
    if PQstatus(connection) == CONNECTION_OK { shutdown(PQsocket(connection), CInt(SHUT_RDWR)) }
  }

  /// What the server does for a connection that says nothing.
  private enum Work {
    case going
    case none
    case unknown
  }

  /// Asks over another connection whether the server is at work on what was asked. A server process that waits for this program, to
  /// send more or to take an answer, is not at work. It is ended: otherwise its locks stay for as long as a hop keeps the connection.
  private func work(on connection: OpaquePointer, _ silence: Silence) -> Work {
    guard silence.waitsForWork else { return .none }
    let other = PostgresConnection(
      target, application: application, role: .reader, preparing: .never, patience: .zero,
      silence: Self.lookSilence)
    // Waiting for the client is all that a process does between two commands, too
    // (https://www.postgresql.org/docs/current/monitoring-stats.html, wait events of type Client).
    let process: String
    if !isPooled {
      process = "SELECT pid, wait_event_type FROM pg_stat_activity WHERE pid = \(PQbackendPID(connection))"
    } else if case .writer(let client, _) = role {
      // Which process works for the connection is not known; its transaction has changed the row of its mark.
      process = """
        SELECT a.pid, a.wait_event_type FROM transaction_mark AS m
        JOIN pg_locks AS l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = m.xmax
        JOIN pg_stat_activity AS a ON a.pid = l.pid WHERE m.client = '\(client)'
        """
    } else {
      return .unknown
    }
    do throws(StoreError) {
      let isGoing = try other.value(
        "SELECT count(*) FROM (\(process)) AS p WHERE p.wait_event_type IS DISTINCT FROM 'Client'")
      if isGoing != "0" { return .going }
      var socket = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
      if poll(&socket, 1, 0) > 0 { return .going }
      _ = try other.value("SELECT count(pg_terminate_backend(p.pid)) FROM (\(process)) AS p")
      return .none
    } catch {
      // A server that answers and has no connection left, or a pooler without one, says nothing about the work.
      let isThere = other.refusal == .noConnection || other.refusal == .answered
      return isThere || isPooled ? .unknown : .none
    }
  }
}
