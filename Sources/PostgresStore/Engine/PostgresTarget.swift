package import BatchDomain
import CPostgres
import Foundation

/// Where a PostgreSQL database is, as a person names it: `postgresql://HOST/DATABASE`, or with `postgres:` before it.
///
/// Passwords come from where libpq looks for them (`PGPASSFILE`, `~/.pgpass`, service files, client certificates) and never
/// from the address: it is shown by `ps` and kept by shells.
package struct PostgresTarget: Sendable, Equatable {
  /// The address as it was given; without a secret.
  package let address: String
  /// Its settings by libpq's keywords.
  private let settings: [Setting]
  /// Where libpq finds what the address does not say.
  private let environment: [String: String]

  private struct Setting: Sendable, Equatable {
    let keyword: String
    let value: String
  }

  /// Whether a place that was read with ``DatabaseAddress/read(_:)`` is a PostgreSQL database rather than a file.
  package static func isAddress(_ place: String) -> Bool { place.hasPrefix(DatabaseAddress.standard) }

  /// Reads an address.
  ///
  /// - Parameter environment: the variables of this process: libpq reads no others.
  /// - Throws: ``ConfigurationError`` for an address that libpq cannot read, for one with a password, and where libpq is
  ///   not installed: nothing of it is used before an address is read.
  package init(
    _ text: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(ConfigurationError) {
    guard let text = try DatabaseAddress.read(text) else {
      throw ConfigurationError(
        .badValue, "the address of a database on PostgreSQL does not begin with \(DatabaseAddress.standard)")
    }
    if let reason = cpostgres_load() {
      throw ConfigurationError(
        .badValue,
        "a database on PostgreSQL needs the library libpq, which cannot be loaded: "
          + VisibleText.escape(String(cString: reason), cutAt: 200),
        remedy: "install it (on Debian: apt install libpq5), or name an SQLite file with --db")
    }
    var message: UnsafeMutablePointer<CChar>?
    guard let options = PQconninfoParse(text, &message) else {
      let reason = message.map { Self.reason(String(cString: $0)) } ?? "out of memory"
      PQfreemem(message)
      throw ConfigurationError(
        .badValue, "the address of the database cannot be read: \(VisibleText.escape(reason, cutAt: 200))",
        remedy: "write it as postgresql://HOST[:PORT]/DATABASE[?sslmode=verify-full]")
    }
    defer { PQconninfoFree(options) }
    var found: [Setting] = []
    var next = options
    while let keyword = next.pointee.keyword {
      if let value = next.pointee.val {
        found.append(Setting(keyword: String(cString: keyword), value: String(cString: value)))
      }
      next += 1
    }
    for setting in found { try Self.check(setting) }
    address = text
    settings = found
    self.environment = environment
  }

  /// What libpq finds wrong with an address, without the part of it that libpq repeats in quotes: that may be a secret.
  private static func reason(_ message: String) -> String {
    let words = message.prefix { $0 != "\"" && $0 != "\n" }
    return String(words.reversed().drop { $0 == " " || $0 == ":" || $0 == "(" }.reversed())
  }

  /// Refuses secrets, and what libpq would repeat when it connects.
  private static func check(_ setting: Setting) throws(ConfigurationError) {
    switch setting.keyword {
    case "password", "sslpassword":
      throw DatabaseAddress.password
    case "user" where setting.value.contains(":"),
      "host" where setting.value.contains(/:[^,]*@/), "dbname" where setting.value.contains(/:.*@/):
      // Escaped so far that libpq does not see the password in it.
      throw DatabaseAddress.password
    case "port":
      for port in setting.value.split(separator: ",") where !(1...65_535).contains(Int(port) ?? 0) {
        throw ConfigurationError(
          .badValue, "the port in the address of the database is no number from 1 to 65535",
          remedy: "write the address as postgresql://HOST[:PORT]/DATABASE")
      }
    default:
      break
    }
  }

  /// What is shown of it, and recorded: an address with user, hosts, ports and database, where the address or libpq's variables name
  /// them. No secret is in it, and whatever else could be one is left out.
  package var shown: String {
    func value(_ keyword: String) -> String? {
      let named =
        settings.first { $0.keyword == keyword }?.value ?? Self.variables[keyword].flatMap { environment[$0] }
      return named.flatMap { $0.isEmpty ? nil : $0 }
    }
    func encoded(_ text: some StringProtocol) -> String { PercentEncoding.query(text.prefix(200).utf8) }
    let hosts = (value("host") ?? value("hostaddr") ?? "").split(
      separator: ",", omittingEmptySubsequences: false)
    let ports = (value("port") ?? "").split(separator: ",", omittingEmptySubsequences: false)
    let places = hosts.enumerated().map { place, host in
      let port = ports.count == 1 ? ports[0] : ports.indices.contains(place) ? ports[place] : ""
      let name = host.contains(":") ? "[\(host)]" : encoded(host)
      return name + (port.isEmpty ? "" : ":\(encoded(port))")
    }
    let user = settings.first { $0.keyword == "user" }.map { encoded($0.value) + "@" } ?? ""
    let service = hosts == [""] ? value("service").map { "?service=\(encoded($0))" } ?? "" : ""
    return "postgresql://\(user)\(places.joined(separator: ","))/\(encoded(value("dbname") ?? ""))\(service)"
  }

  /// The variables that libpq reads for what an address does not say (https://www.postgresql.org/docs/current/libpq-envars.html).
  private static let variables = [
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "dbname": "PGDATABASE",
    "service": "PGSERVICE",
  ]

  /// The value of one of libpq's keywords; `nil` where the address does not say it.
  package func value(of keyword: String) -> String? { settings.first { $0.keyword == keyword }?.value }

  /// Keywords and values for a connection: those of the address, and what keeps a connection honest that nothing comes from
  /// any more. What the address says wins.
  ///
  /// - Parameter application: the name that the server shows for the connection.
  func parameters(application: String) -> [(keyword: String, value: String)] {
    let own = [
      ("connect_timeout", "5"), ("keepalives_idle", "5"), ("keepalives_interval", "2"),
      ("keepalives_count", "3"),
      ("tcp_user_timeout", "10000"), ("target_session_attrs", "read-write"),
      ("application_name", application),
      ("client_encoding", "UTF8"),
    ]
    let given = Set(settings.map(\.keyword))
    return own.filter { !given.contains($0.0) }.map { (keyword: $0.0, value: $0.1) }
      + settings.map { (keyword: $0.keyword, value: $0.value) }
  }
}
