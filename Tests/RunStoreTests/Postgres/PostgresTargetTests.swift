import BatchDomain
import TestSupport
import Testing

@testable import PostgresStore

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

  @Test(
    "a password in an address is refused, in whatever form, and nothing repeats it",
    arguments: [
      "postgresql://me:s3cret@db.internal/runs", "postgresql:///runs?password=s3cret",
      "postgresql://u:s3cret%zz@h/d", "postgresql://h/d?password=s3cret%zz",
      "postgresql://h/d?pass%77ord=s3cret",
      "postgresql://u:s3/cret@127.0.0.1/d", "postgresql://u:s3?cret@127.0.0.1/d",
      "postgresql://u:1/s3cret@h/d",
      "postgresql://u:s3@cret@h/d", "postgresql://u%3As3cret%40h/d", "postgresql://u%3As3cret@h/d",
      "POSTGRES://u:s3cret@h/d", "postgresql://u:s3cret@[::1]:5432/d", "postgresql://h/d?sslpassword=s3cret",
      "postgresql://h/d?s3cret", "postgresql://h:s3cret/d", "postgresql://[s3cret/d",
      "postgresql://[::1]s3cret/d",
      "postgresql://h/d?application_name=%s3cret", "postgresql://h/d?s3cret=1",
    ])
  func password(address: String) throws {
    let error = try #require(throws: ConfigurationError.self) { try PostgresTarget(address) }
    #expect(error.code == .badValue)
    for part in ["s3", "cret", "%zz"] { #expect(!error.description.contains(part), "\(error)") }
  }

  @Test("an @ or a colon that belongs to no password is none")
  func noPassword() throws {
    for address in [
      "postgresql://h/d?application_name=a@b", "postgresql://h:5432/d?application_name=a%40b",
      "postgresql://u@h:5432/d", "postgresql://u:@h/d", "postgresql://u@[fe80::1]:5432/d",
    ] {
      #expect(throws: Never.self) { try PostgresTarget(address) }
    }
    #expect(try PostgresTarget("PostgreSQL://h/d").address == "postgresql://h/d")
  }
}

@Suite("Addresses and paths of databases")
struct DatabaseAddressTests {
  @Test(
    "what looks like an address of another kind is refused, without a word of it but its scheme",
    arguments: [
      "mysql://u:hunter2@h/d", "sqlite:///hunter2", "postgresql+psycopg://h/hunter2", "postgres:hunter2",
      "postgresql:/u:hunter2@h/d", "PostgreSQL:hunter2", " postgresql://h/hunter2",
      "'postgresql://h/hunter2'",
      "\"postgresql://u:hunter2@h/d\"", "postgresql://h/hunter2\n", "postgresql://h/hunter2 ",
      "\u{FEFF}postgres://hunter2/d",
      "host=h password=hunter2", "host=hunter2 dbname=d", "dbname = hunter2", "hunter2 dbname=d",
      "user=u PASSWORD = hunter2",
      "service=hunter2", "\u{201C}host=hunter2\u{201D}",
      "jdbc:postgresql://h/d?user=x&password=hunter2", "JDBC:PostgreSQL://h/d?user=hunter2",
      "jdbc:postgresql:hunter2",
      "jdbc:oracle:thin:u/hunter2@h:1521/d", "jdbc:postgresql://u:hunter2@h/d", "mysql:host=h;dbname=hunter2",
      "a:mysql://h/hunter2", "odbc:hunter2", "'jdbc:sqlserver://h;password=hunter2'",
      "Server=h;Database=d;Password=hunter2", "server=h;database=hunter2",
      "SERVER = h ; UID=u; PWD = hunter2",
      "Data Source=hunter2", "Data Source=h/i;Initial Catalog=d;User ID=u;Password=hunter2",
      "Driver={PostgreSQL};Server=hunter2", "User Id=u;Pwd=hunter2", "Host=h;Username=u;Password=hunter2",
      "x=1;y=hunter2",
      " Server=h;Password=hunter2", "tcp=h/d;key=hunter2", "initial_catalog=hunter2",
    ])
  func refused(text: String) throws {
    let error = try #require(throws: ConfigurationError.self) { try DatabaseAddress.read(text) }
    #expect(error.code == .badValue)
    #expect(!error.description.contains("hunter2"), "\(error)")
    #expect(error.remedy != nil)
  }

  @Test("of another kind of database the kind is named, and not where its password could be")
  func otherKind() throws {
    let error = try #require(throws: ConfigurationError.self) {
      try DatabaseAddress.read("mysql://u:hunter2@h/d")
    }
    #expect(error.message.contains("begins with mysql://"), "\(error)")
    #expect(!error.description.contains("pgpass"), "\(error)")
  }

  @Test(
    "paths stay paths, whatever they are called",
    arguments: [
      "runs.db", "./mysql://h/d", "./host=h dbname=d", "/var/lib/a dbname=b", "../postgres:x",
      "~/postgres://h", " runs.db",
      "'runs.db'", "jobs/mysql://x", "postgresql", "postgres.db", "hosts=1", "a/b c dbname=d", "C:x",
      "name:5432", "./jdbc:postgresql://h/d", "./Server=h;Database=d", "/a/Server=h;Database=d", "jdbc",
      "servers=1",
      "a/jdbc:x", "a;b=1", "size=1", "runs/Server=h;Database=d", "x:y", "x:/y",
    ])
  func paths(text: String) throws {
    #expect(try DatabaseAddress.read(text) == nil)
  }

  @Test("the scheme is compared without case, and both spellings are one")
  func schemes() throws {
    for text in ["postgresql://h/d", "postgres://h/d", "POSTGRESQL://h/d", "Postgres://h/d"] {
      #expect(try DatabaseAddress.read(text) == "postgresql://h/d")
    }
  }
}
