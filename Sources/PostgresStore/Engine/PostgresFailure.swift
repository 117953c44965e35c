import BatchDomain
import CPostgres

/// What a server or libpq says went wrong, in the words of the store port.
///
/// Classes of SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html.
enum PostgresFailure {
  /// - Parameters:
  ///   - state: five characters; `nil` where there is no server to say one.
  ///   - message: the server's, or libpq's; it names no bound value.
  ///   - operation: what was being done, as a clause that completes "failed to ...".
  static func error(_ state: String?, _ message: String, operation: String, target: PostgresTarget)
    -> StoreError
  {
    let line = message.split(separator: "\n").first.map(String.init) ?? "no reason was given"
    let found = "failed to \(operation) at \(target.shown): \(VisibleText.escape(line, cutAt: 300))"
    guard let state else { return unreachable(found) }
    switch state {
    case "40001", "40P01", "55P03":
      return StoreError(
        .locked, found, remedy: "another process changes the same rows; run the same command again")
    case "53100":
      return StoreError(.full, found, remedy: "free space on the server, then resume the run")
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
      return StoreError(
        .unavailable, found,
        remedy: "check the user, and the password in ~/.pgpass or the file that PGPASSFILE names")
    case "3D000":
      return StoreError(.unavailable, found, remedy: "create the database, or name another one with --db")
    case "XX001", "XX002":
      return StoreError(.damaged, found, remedy: "restore the database from a backup")
    case _ where state.hasPrefix("08") || state.hasPrefix("57P") || state == "53300" || state == "25006":
      return unreachable(found)
    case _ where state.hasPrefix("23"):
      return StoreError(.internal, found)
    default:
      return StoreError(.internal, "\(found) (\(state))")
    }
  }

  private static func unreachable(_ found: String) -> StoreError {
    StoreError(
      .unreachable, found,
      remedy:
        "check that the server runs and that this machine reaches it; the run can be resumed from any machine"
    )
  }
}
