import BatchDomain
import Foundation
import StoreCore
import TestSupport
import Testing

@testable import PostgresStore

/// What is said where no connection comes about: libpq has no SQLSTATE then.
@Suite("Connections to PostgreSQL that are refused", .enabled(if: PostgresCluster.isAvailable))
struct PostgresConnectTests {
  private func failure(_ address: String) async throws -> StoreError {
    let cluster = try #require(PostgresCluster.shared)
    let target = try PostgresTarget(address)
    return try await #require(throws: StoreError.self) {
      try await PostgresStore.openForReading(target, cluster.surroundings(StillClock()))
    }
  }

  @Test(
    "a database, a user and a password that the server does not take are told as what they are, and not waited for"
  )
  func refusals() async throws {
    let address = try #require(PostgresCluster.shared).makeDatabase()
    let missing = try await failure(address + "_missing")
    #expect(missing.code == .unavailable && missing.message.contains("does not exist"), "\(missing)")
    #expect(missing.remedy?.description.contains("create the database") == true)
    let stranger = try await failure(address.replacing("postgres@", with: "stranger@"))
    #expect(stranger.code == .unavailable, "\(stranger)")
    #expect(stranger.remedy?.description.contains("check the user") == true)
    let unknown = try await failure(address.replacing("postgres@", with: "\(PostgresCluster.passwordUser)@"))
    #expect(unknown.code == .unavailable && unknown.message.contains("password"), "\(unknown)")
    #expect(unknown.remedy?.description.contains(".pgpass") == true)
    let rejected = try await failure(address.replacing("postgres@", with: "\(PostgresCluster.rejectedUser)@"))
    #expect(rejected.code == .unavailable, "\(rejected)")
    #expect(rejected.remedy?.description.contains("pg_hba.conf") == true)
    for error in [missing, stranger, unknown, rejected] {
      #expect(!error.isTransient)
      #expect(error.remedy?.description.contains("reaches") == false, "\(error)")
    }
  }

  @Test("a server that cannot be written to is waited for, and not said to be out of reach")
  func readOnly() async throws {
    let cluster = try #require(PostgresCluster.shared)
    let address = try cluster.makeDatabase()
    let name = try #require(address.split(separator: "/").last)
    let changed = try SpawnedProgram.run([
      "psql", "-q", "-h", cluster.folder.path, "-U", "postgres", "-d", "postgres", "-c",
      "ALTER DATABASE \(name) SET default_transaction_read_only = on",
    ])
    #expect(changed.status == 0)
    let error = try await failure(address)
    #expect(error.code == .unreachable && error.message.contains("read-only"), "\(error)")
    #expect(error.remedy?.description.contains("primary") == true)
  }

  @Test("a service that is not defined is no outage")
  func service() async throws {
    let error = try await failure("postgresql:///?service=nowhere_defined")
    #expect(error.code == .unavailable && error.message.contains("nowhere_defined"), "\(error)")
    #expect(error.remedy?.description.contains("PGSERVICEFILE") == true)
  }

  @Test(
    "outages are waited for, and whatever the server answers with it is not said to be out of reach",
    arguments: [
      ("connection to server at \"h\" (10.0.0.1), port 5432 failed: Connection refused", true),
      ("could not translate host name \"h\" to address: Temporary failure in name resolution", true),
      ("connection to server failed: FATAL:  the database system is starting up", false),
      ("connection to server failed: FATAL:  the database system is shutting down", false),
      ("connection to server failed: FATAL:  the database system is not yet accepting connections", false),
      ("connection to server failed: FATAL:  sorry, too many clients already", false),
      ("connection to server failed: FATAL:  remaining connection slots are reserved for superusers", false),
      ("connection to server failed: FATAL:  something that nobody foresaw", false),
      ("connection to server failed: server is in hot standby mode", false),
      (
        "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally",
        true
      ),
      ("", true),
    ])
  func outages(message: String, isOutOfReach: Bool) throws {
    let error = PostgresFailure.ofConnecting(message, target: try PostgresTarget("postgresql://h/d")).error
    #expect(error.code == .unreachable)
    #expect(error.remedy?.description.contains("that this machine reaches it") == isOutOfReach, "\(error)")
  }

  @Test(
    "of several hosts one that refuses counts more than one that is not reached, and one that starts more than both",
    arguments: [
      (
        ["Connection refused", "FATAL:  password authentication failed for user \"u\""], "password",
        StoreError.Code.unavailable
      ),
      (["Connection refused", "session is read-only"], "read-only", .unreachable),
      (
        [
          "FATAL:  password authentication failed for user \"u\"",
          "FATAL:  the database system is starting up",
        ], "starting", .unreachable
      ),
      (
        [
          "FATAL:  no pg_hba.conf entry for host \"h\", SSL encryption",
          "FATAL:  no pg_hba.conf entry for host \"h\", no encryption",
        ], "pg_hba.conf", .unavailable
      ),
      (["session is read-only", "FATAL:  database \"d\" does not exist"], "does not exist", .unavailable),
    ])
  func severalHosts(reasons: [String], named: String, code: StoreError.Code) throws {
    let message = reasons.enumerated().map {
      "connection to server at \"h\($0)\", port 5432 failed: \($1)\n\tIs the server running on that host?\n"
    }.joined()
    let error = PostgresFailure.ofConnecting(message, target: try PostgresTarget("postgresql://h/d")).error
    #expect(error.code == code && error.message.contains(named), "\(error)")
  }

  @Test(
    "whatever a server says as it ends a connection, the same can be asked on another one",
    arguments: ["25P03", "25P04", "58030", "XX000", "57P01"])
  func ended(state: String) throws {
    let target = try PostgresTarget("postgresql://h/d")
    let error = PostgresFailure.error(
      state, "terminating connection", operation: "run a statement", target: target, isBroken: true)
    #expect(error.code == .unreachable && error.message.contains("terminating connection"), "\(error)")
  }

  @Test("a connection that was there and broke is never one that is not set up right")
  func broken() throws {
    let target = try PostgresTarget("postgresql://h/d")
    let error = PostgresFailure.error(
      nil, "SSL error: unexpected eof while reading", operation: "run a statement", target: target,
      isBroken: true)
    #expect(error.code == .unreachable)
  }
}
