import BatchDomain
import CPostgres

/// What a server or libpq says went wrong, in the words of the store port.
///
/// Classes of SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html.
enum PostgresFailure {
  /// A failure of something that was asked on a connection.
  ///
  /// - Parameters:
  ///   - state: five characters; `nil` where no answer has one: then the connection itself failed.
  ///   - message: the server's, or libpq's; it names no bound value.
  ///   - operation: what was being done, as a clause that completes "failed to ...".
  ///   - isBroken: whether the connection is gone. Whatever the server said last, as that it does not wait for an idle
  ///     transaction any more, the same can be asked on another one.
  static func error(
    _ state: String?, _ message: String, operation: String, target: PostgresTarget, isBroken: Bool
  ) -> StoreError {
    let found = found(message.split(separator: "\n").first.map(String.init), operation, target)
    guard let state else { return ConnectFailure.unreachable.error(found) }
    let error = error(state, found)
    return isBroken && error.code == .internal ? ConnectFailure.unreachable.error(found) : error
  }

  /// Why an attempt to connect failed, which libpq says in words only.
  static func ofConnecting(
    _ message: String, target: PostgresTarget
  ) -> (cause: ConnectFailure, error: StoreError) {
    let lines = message.split(separator: "\n").map(String.init)
    let (cause, line) = ConnectFailure.of(lines)
    return (cause, cause.error(found(line ?? lines.first, "connect", target)))
  }

  private static func found(_ line: String?, _ operation: String, _ target: PostgresTarget) -> String {
    "failed to \(operation) at \(target.shown): "
      + VisibleText.escape(line ?? "no reason was given", cutAt: 300)
  }

  private static func error(_ state: String, _ found: String) -> StoreError {
    switch state {
    case "40001", "40P01", "55P03":
      return StoreError(
        .locked, found, remedy: "another process changes the same rows; run the same command again")
    case "53100":
      return StoreError(
        .full, found,
        remedy:
          "free space on the server; then resume the run, or run the same command again")
    case "57014":
      return StoreError(.locked, found, remedy: "the server took too long; run the same command again")
    case "26000", "42P05":
      return StoreError(
        .unavailable, "\(found): a pooler stands between that does not keep prepared statements",
        remedy: "set ORCHESTRATE_PG_PREPARE=off in the environment of every process")
    case "42P01", "42703", "3F000":
      return StoreError(
        .schema, found,
        remedy: "the database has no schema of this program, or an older one; run `orchestrate migrate`")
    case "42501":
      return StoreError(
        .unavailable, found, remedy: "grant this user the rights that docs/scale-out.md lists")
    case "28000", "28P01":
      return ConnectFailure.login.error(found)
    case "3D000":
      return ConnectFailure.noDatabase.error(found)
    case "XX001", "XX002":
      return StoreError(.damaged, found, remedy: "restore the database from a backup")
    case "25006":
      return ConnectFailure.readOnly.error(found)
    case "53300":
      return ConnectFailure.noConnection.error(found)
    case _ where state.hasPrefix("08") || state.hasPrefix("57P"):
      return ConnectFailure.unreachable.error(found)
    case _ where state.hasPrefix("23"):
      return StoreError(.internal, found)
    default:
      return StoreError(.internal, "\(found) (\(state))")
    }
  }
}

/// Why no connection comes about. libpq has no SQLSTATE for that, so the words tell: those of libpq, and of the server in English.
enum ConnectFailure {
  /// The server, or a pooler, does not let this user in with this password.
  case login
  /// The server does not let anybody in from here as this user.
  case hostRules
  case noDatabase
  /// The server cannot be written to: a standby, perhaps until it is promoted.
  case readOnly
  /// The server has as many connections as it may have.
  case noConnection
  case encryption
  /// A service, or a value of an address or a variable, is not what libpq expects.
  case settings
  /// The server answers and serves nobody, or says something else: that may pass.
  case answered
  case unreachable

  /// What libpq said, and which line says it.
  ///
  /// With several hosts, or several addresses of one, each has its line. A server that starts or stops may be the right one:
  /// such a failure passes. Otherwise a refusal that does not pass counts more than a host that is not reached.
  static func of(_ lines: [String]) -> (ConnectFailure, line: String?) {
    let found = lines.filter { !$0.hasPrefix("\t") }.compactMap { line in
      ConnectFailure(line).map { (cause: $0, line: line) }
    }
    let passing = found.first { $0.cause == .answered || $0.cause == .noConnection }
    let best = passing ?? found.first { $0.cause != .readOnly } ?? found.first
    return best.map { ($0.cause, $0.line) } ?? (.unreachable, nil)
  }

  /// - Returns: `nil` for a line that tells of no answer.
  private init?(_ line: String) {
    func has(_ words: String...) -> Bool { words.allSatisfy { line.contains($0) } }
    if has("no password supplied") || has("password authentication failed")
      || has("authentication failed for user")
      || has("role \"", "does not exist") || has("is not permitted to log in")
    {
      self = .login
    } else if has("no pg_hba.conf entry") || has("pg_hba.conf rejects") {
      self = .hostRules
    } else if has("database \"", "does not exist") || has("no such database") {
      self = .noDatabase
    } else if has("session is read-only") || has("hot standby") {
      self = .readOnly
    } else if has("too many clients") || has("too many connections") || has("remaining connection slots")
      || has("no more connections allowed")
    {
      self = .noConnection
    } else if has("FATAL") {
      self = .answered
    } else if has("certificate") || has("does not support SSL") || has("SSL error") {
      self = .encryption
    } else if has("definition of service") || has("service file") || line.hasPrefix("invalid ") {
      self = .settings
    } else {
      return nil
    }
  }

  /// The failure in the words of the store port.
  ///
  /// - Parameter found: what was being done, and what was found.
  func error(_ found: String) -> StoreError {
    switch self {
    case .login:
      StoreError(
        .unavailable, found,
        remedy: "check the user, and the password in ~/.pgpass or the file that PGPASSFILE names")
    case .hostRules:
      StoreError(
        .unavailable, found, remedy: "have the server permit this user from this machine in its pg_hba.conf")
    case .noDatabase:
      StoreError(.unavailable, found, remedy: "create the database, or name another one with --db")
    case .readOnly:
      StoreError(
        .unreachable, found,
        remedy:
          "name the primary server with --db, or wait until this one is promoted; the run can be resumed from any machine"
      )
    case .noConnection:
      StoreError(
        .unreachable, found,
        remedy: "end other connections, raise max_connections of the server, or put a pooler before it")
    case .encryption:
      StoreError(
        .unavailable, found, remedy: "check sslmode and sslrootcert, and the certificate of the server")
    case .settings:
      StoreError(
        .unavailable, found,
        remedy:
          "check the address of the database, the variables of libpq and the file that PGSERVICEFILE names")
    case .answered:
      StoreError(
        .unreachable, found,
        remedy:
          "the server answers and refuses the connection for the reason it gives; resume the run once it serves again"
      )
    case .unreachable:
      StoreError(
        .unreachable, found,
        remedy:
          "check that the server runs and that this machine reaches it; the run can be resumed from any machine"
      )
    }
  }
}
