import BatchDomain
import PostgresStore
import TestSupport
import Testing

@Suite("Addresses of databases on PostgreSQL", .enabled(if: PostgresCluster.isAvailable))
struct PostgresTargetTests {
  @Test(
    "what is shown says where it is, has no secret, and can be given again",
    arguments: [
      ("postgresql://db.internal/runs", [:], "postgresql://db.internal/runs"),
      ("postgres://me@db.internal:5433/runs?sslmode=require", [:], "postgresql://me@db.internal:5433/runs"),
      ("postgresql://%2Frun%2Fpg/runs", [:], "postgresql://%2Frun%2Fpg/runs"),
      ("postgresql://[::1]:5433/runs", [:], "postgresql://[::1]:5433/runs"),
      ("postgresql://a:1,b:2/runs", [:], "postgresql://a:1,b:2/runs"),
      ("postgresql:///runs", [:], "postgresql:///runs"),
      // What libpq connects to is not "local" where its variables name a host.
      (
        "postgresql:///runs", ["PGHOST": "db.internal", "PGPORT": "5433"],
        "postgresql://db.internal:5433/runs"
      ),
      ("postgresql:///runs", ["PGHOSTADDR": "10.0.0.7"], "postgresql://10.0.0.7/runs"),
      (
        "postgresql://me@/", ["PGHOST": "db.internal", "PGDATABASE": "runs"],
        "postgresql://me@db.internal/runs"
      ),
      (
        "postgresql:///runs", ["PGHOST": "db.internal", "PGPASSWORD": "s3cret"],
        "postgresql://db.internal/runs"
      ),
      ("postgresql://db.internal/runs", ["PGHOST": "other", "PGPORT": ""], "postgresql://db.internal/runs"),
      ("postgresql:///?service=night", [:], "postgresql:///?service=night"),
    ] as [(String, [String: String], String)])
  func shown(address: String, variables: [String: String], shown: String) throws {
    let target = try PostgresTarget(address, environment: variables)
    #expect(target.shown == shown)
    #expect(try PostgresTarget(shown, environment: variables).shown == shown)
  }

  @Test("a password in an address is refused")
  func password() {
    for address in ["postgresql://me:s3cret@db.internal/runs", "postgresql:///runs?password=s3cret"] {
      #expect(throws: ConfigurationError.self) { try PostgresTarget(address) }
    }
  }
}
