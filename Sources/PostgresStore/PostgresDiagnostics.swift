package import BatchDomain
import CPostgres
import Migrations
import StoreCore

/// What `doctor` says of a store on PostgreSQL. Nothing is changed.
package struct PostgresDiagnostics: Sendable {
  private let target: PostgresTarget
  private let surroundings: PostgresStore.Surroundings

  /// A look at a database.
  package init(_ target: PostgresTarget, _ surroundings: PostgresStore.Surroundings) {
    self.target = target
    self.surroundings = surroundings
  }

  /// The checks, in the order in which they are shown.
  package func checks() async -> [HealthCheck] {
    let database = connect()
    let checks: [HealthCheck]
    do {
      let before = surroundings.clock.now()
      let facts = try await database.read { try Facts.read(in: $0) }
      let after = surroundings.clock.now()
      let pooler = try await pooler(on: database)
      let (schema, waits) = await content(of: database, at: facts.now)
      checks =
        [connected(facts, pooler), schema] + durability(facts)
        + [clock(facts, before: before, after: after), load(facts), waits]
      try await database.close()
    } catch {
      return [Self.problem(.database, error)]
        + [.schema, .integrity, .clock, .locks, .waits].map {
          HealthCheck($0, .skipped, "the database cannot be read")
        }
    }
    return checks
  }

  private func connect() -> Database {
    Database { [target] in
      Connection(
        PostgresConnection(
          target, application: "orchestrate doctor", role: .reader, patience: .zero,
          silence: PostgresConnection.Silence(limit: PostgresStore.answerLimit, waitsForWork: false)))
    }
  }

  /// How a pooler hands the server's processes out, which only their numbers tell.
  private enum Pooler: String, Sendable {
    /// One for each connection.
    case session
    /// One for each transaction, or each statement.
    case transaction
  }

  /// What stands between this process and the server; `nil` for nothing.
  private func pooler(on database: Database) async throws -> Pooler? {
    @Sendable func serving(_ connection: Connection) throws -> Int {
      try connection.first("SELECT pg_backend_pid()") { $0.int(0) } ?? 0
    }
    guard
      try await database.read({ ($0.engine as? PostgresConnection)?.isPooled ?? false })
    else { return nil }
    // Two connections that are open at the same time have the same process behind them, or one of them another than before.
    let second = connect()
    var seen: [Set<Int>] = [[], []]
    for _ in 0..<3 {
      seen[0].insert(try await database.read(serving))
      seen[1].insert(try await second.read(serving))
    }
    try await second.close()
    return seen[0].isDisjoint(with: seen[1]) && seen.allSatisfy { $0.count == 1 } ? .session : .transaction
  }

  /// What a server says of itself.
  private struct Facts: Sendable {
    var version = 0
    var versionText = ""
    var isStandby = false
    var isEncrypted = false
    var fsync = ""
    var synchronousCommit = ""
    var standbys = ""
    var now = Timestamp(milliseconds: 0)
    var connections = 0
    var mostConnections = 0
    /// The longest that another transaction is open, in seconds.
    var longestTransaction = 0

    static func read(in connection: Connection) throws -> Facts {
      try connection.first(
        """
        SELECT current_setting('server_version_num')::bigint, current_setting('server_version'), pg_is_in_recovery(),
               coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), current_setting('fsync'),
               current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
               \(connection.dialect.now), (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
               current_setting('max_connections')::bigint,
               coalesce((SELECT extract(epoch FROM max(now() - xact_start))::bigint FROM pg_stat_activity
                         WHERE datname = current_database() AND pid <> pg_backend_pid()), 0)
        """
      ) { row in
        Facts(
          version: row.int(0), versionText: row.text(1), isStandby: row.flag(2), isEncrypted: row.flag(3),
          fsync: row.text(4), synchronousCommit: row.text(5), standbys: row.text(6),
          now: Timestamp(milliseconds: Int64(row.int(7))), connections: row.int(8),
          mostConnections: row.int(9),
          longestTransaction: row.int(10))
      } ?? Facts()
    }
  }

  private func connected(_ facts: Facts, _ pooler: Pooler?) -> HealthCheck {
    let way = pooler.map { " through a pooler in \($0.rawValue) mode" } ?? ""
    let found = "PostgreSQL \(facts.versionText) answers at \(target.shown)\(way)"
    guard facts.version >= 140_000 else {
      return HealthCheck(.database, .problem, "\(found), expected 14 or newer", remedy: "use a newer server")
    }
    guard !facts.isStandby else {
      return HealthCheck(
        .database, .problem, "\(found) and is a standby, which can only be read",
        remedy: "name the primary, or several hosts in one address (libpq asks each for the primary)")
    }
    let isLocal = target.value(of: "host").map { $0.isEmpty || $0.hasPrefix("/") } ?? true
    guard isLocal || facts.isEncrypted else {
      return HealthCheck(
        .database, .problem, "\(found), and the connection is not encrypted",
        remedy: "add ?sslmode=verify-full to the address")
    }
    guard isLocal || target.value(of: "sslmode") == "verify-full" else {
      return HealthCheck(
        .database, .ok,
        "\(found); the connection is encrypted, and who the server is was not checked (sslmode=verify-full does)"
      )
    }
    return HealthCheck(.database, .ok, found)
  }

  /// The schema, and where it is this program's, the waits that hold runs back.
  ///
  /// - Parameter now: the database's moment, from which they are counted.
  private func content(
    of database: Database, at now: Timestamp
  ) async -> (schema: HealthCheck, waits: HealthCheck) {
    let unread = HealthCheck(.waits, .skipped, "the database cannot be read")
    do {
      let migrator = PostgresMigrator(steps: Migrations.postgres)
      let shown = target.shown
      switch try await database.read({ try migrator.need(of: $0, at: shown) }) {
      case .nothing:
        return (
          HealthCheck(.schema, .ok, "the database has schema \(migrator.steps.count), as this program"),
          await waits(in: database, at: now)
        )
      case .create:
        return (
          HealthCheck(.schema, .ok, "the database is empty; the next `submit` fills it"),
          StandingWaits().check(at: now)
        )
      case .upgrade(let from):
        let schema = HealthCheck(
          .schema, .problem, "the database has schema \(from) and this program \(migrator.steps.count)",
          remedy: "run `orchestrate migrate`")
        return (schema, unread)
      }
    } catch {
      return (Self.problem(.schema, error), unread)
    }
  }

  private func waits(in database: Database, at now: Timestamp) async -> HealthCheck {
    do {
      return try await database.read { try StandingWaits.read(in: $0) }.check(at: now)
    } catch {
      return Self.problem(.waits, error)
    }
  }

  /// Whether what a commit says is true after a power cut, and after the loss of the server.
  private func durability(_ facts: Facts) -> [HealthCheck] {
    guard facts.fsync == "on" else {
      return [
        HealthCheck(
          .integrity, .problem,
          "the server runs with fsync = \(facts.fsync): a power cut may lose what was committed",
          remedy: "set fsync = on")
      ]
    }
    let standby =
      facts.standbys.isEmpty
      ? "no standby confirms commits: a failover may lose the last of them"
      : "commits wait for a standby (\(VisibleText.escape(facts.standbys, cutAt: 100)))"
    return [HealthCheck(.integrity, .ok, "commits are on disk before they are answered; \(standby)")]
  }

  private func clock(_ facts: Facts, before: Timestamp, after: Timestamp) -> HealthCheck {
    let middle = before + after.since(before) / 2
    let difference = abs(facts.now.since(middle).inSeconds)
    let text = "this machine's clock differs from the database's by \(Int(difference.rounded())) s"
    // Moments come from the database; what people read in logs does not.
    guard difference > 60 else { return HealthCheck(.clock, .ok, text) }
    return HealthCheck(.clock, .problem, text, remedy: "let a time service set both clocks")
  }

  private func load(_ facts: Facts) -> HealthCheck {
    let left = facts.mostConnections - facts.connections
    guard left > 10 else {
      return HealthCheck(
        .locks, .problem,
        "the server has \(left) of \(facts.mostConnections) connections left; each worker needs three",
        remedy: "raise max_connections, or put pgbouncer before the server")
    }
    guard facts.longestTransaction < 3_600 else {
      return HealthCheck(
        .locks, .problem,
        "another program has had a transaction open for \(facts.longestTransaction / 60) minutes",
        remedy: "end it: the server cannot clean up what is newer")
    }
    return HealthCheck(.locks, .ok, "the server has \(left) of \(facts.mostConnections) connections left")
  }

  private static func problem(_ subject: HealthCheck.Subject, _ error: any Error) -> HealthCheck {
    let error = error as? StoreError ?? StoreError(.inputOutput, "the store failed: \(error)")
    return HealthCheck(subject, .problem, error.message, remedy: error.remedy)
  }
}
