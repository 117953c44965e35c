package import BatchDomain

/// Tells addresses of databases from paths of files, before libpq or the file system gets any of the text.
///
/// No error has more of a text in it than the scheme: what was mistyped may have a password anywhere.
package enum DatabaseAddress {
  /// Whether a text is the address of a server rather than the path of a file.
  ///
  /// Paths that begin with `/`, `./`, `../` or `~` are paths whatever follows.
  ///
  /// - Returns: the address as libpq reads it, with the scheme `postgresql://`; `nil` for a path.
  /// - Throws: ``ConfigurationError`` for an address with a password, and for one that is of no known form.
  package static func read(_ text: String) throws(ConfigurationError) -> String? {
    guard !["/", "./", "../", "~"].contains(where: { text.hasPrefix($0) }) else { return nil }
    let bare = withoutFrame(text)
    guard let form = Form(of: bare) else { return nil }
    // Of another kind of database, no place for its password would help.
    if case .scheme(let scheme, _) = form, !schemes.contains(scheme) { throw otherKind(scheme: scheme) }
    try refusePassword(in: bare, form)
    guard bare.utf8.count == text.utf8.count else {
      throw refusal("the address of the database has a blank or a quote before or behind it")
    }
    switch form {
    case .scheme(_, let rest):
      return standard + rest
    case .prefix(let word):
      throw otherKind("\(VisibleText.escape(word, cutAt: 20)):")
    case .schemeAlone:
      throw refusal("the address of the database has no // behind its scheme")
    case .keywords:
      throw refusal("the database is named by keywords of libpq, and an address or a path was expected")
    case .pairs:
      throw refusal(
        "the database is named by a connection string (KEY=VALUE;...), and an address or a path was expected")
    }
  }

  /// The one form of the scheme in the rest of the program.
  static let standard = "postgresql://"
  private static let schemes: Set<String> = ["postgresql", "postgres"]
  /// Keywords of libpq that a text may begin with (https://www.postgresql.org/docs/current/libpq-connect.html).
  private static let keywords: Set<String> = [
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service", "sslmode", "sslpassword",
  ]

  /// What addresses of other kinds begin with that have no `//` right behind it.
  private static let prefixes: Set<String> = [
    "jdbc", "odbc", "pgsql", "mysql", "mariadb", "sqlserver", "sqlsrv", "mssql", "oracle", "oci", "mongodb",
    "redis",
  ]
  /// Keys that a connection string of ODBC or ADO.NET may begin with, without blanks.
  private static let keys: Set<String> = [
    "server", "servername", "datasource", "driver", "provider", "dsn", "database", "initialcatalog", "userid",
    "uid",
    "username", "pwd", "address", "addr", "networkaddress",
  ]

  /// What an address looks like.
  private enum Form {
    /// `SCHEME://REST`, the scheme without capitals.
    case scheme(String, rest: String)
    /// `postgres:REST`.
    case schemeAlone
    /// `jdbc:REST`, or a scheme behind another one: what is before the first colon, without capitals.
    case prefix(String)
    /// `host=... dbname=...`.
    case keywords
    /// `Server=...;Database=...`.
    case pairs

    /// - Returns: `nil` for a path.
    init?(of text: String) {
      let scheme = String(text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+.-".contains($0)) })
      let rest = text.dropFirst(scheme.count)
      if scheme.first?.isLetter ?? false {
        if rest.hasPrefix("://") {
          self = .scheme(scheme.lowercased(), rest: String(rest.dropFirst(3)))
          return
        }
        if rest.hasPrefix(":"), DatabaseAddress.schemes.contains(scheme.lowercased()) {
          self = .schemeAlone
          return
        }
        if rest.hasPrefix(":"),
          DatabaseAddress.prefixes.contains(scheme.lowercased())
            || text.prefixMatch(of: /([A-Za-z][A-Za-z0-9+.\-]*:)+\/\//) != nil
        {
          self = .prefix(scheme.lowercased())
          return
        }
      }
      if DatabaseAddress.hasPairs(text) {
        self = .pairs
      } else if DatabaseAddress.hasKeywords(text) {
        self = .keywords
      } else {
        return nil
      }
    }
  }

  /// Whether a text is `KEY=VALUE;KEY=VALUE`, or begins with a key that only such texts have.
  private static func hasPairs(_ text: String) -> Bool {
    guard let pair = text.prefixMatch(of: /\s*([A-Za-z][A-Za-z0-9 _\-]*?)\s*=/) else { return false }
    return keys.contains(pair.1.lowercased().filter { !" _-".contains($0) })
      || text[pair.range.upperBound...].contains(/;\s*[A-Za-z][A-Za-z0-9 _\-]*=/)
  }

  private static func hasKeywords(_ text: String) -> Bool {
    let lowercased = text.lowercased()
    let first = lowercased.prefix { $0.isASCII && ($0.isLetter || $0 == "_") }
    if keywords.contains(String(first)),
      lowercased.dropFirst(first.count).first(where: { !$0.isWhitespace }) == "="
    {
      return true
    }
    // Behind a folder such words are a part of a name.
    let name = lowercased.prefix { $0 != "/" }
    return name.contains(/\s(dbname|password|sslpassword)\s*=/)
  }

  /// Without blanks and quotes around, which shells and files of settings leave there.
  private static func withoutFrame(_ text: String) -> String {
    func isFrame(_ scalar: Unicode.Scalar) -> Bool {
      scalar.properties.isWhitespace
        || "\"'`\u{201C}\u{201D}\u{2018}\u{2019}\u{FEFF}".unicodeScalars.contains(scalar)
    }
    var scalars = text.unicodeScalars[...]
    while let first = scalars.first, isFrame(first) { scalars.removeFirst() }
    while let last = scalars.last, isFrame(last) { scalars.removeLast() }
    return String(scalars)
  }

  /// Refuses what has, or may have, a password in it.
  ///
  /// A password may have any character in it: one with `/` or `?` ends what libpq takes for user and host, and the rest of it
  /// would be shown as a port, a database or a token. So everything up to the last `@` is looked at.
  private static func refusePassword(in text: String, _ form: Form) throws(ConfigurationError) {
    guard !text.lowercased().contains(/(password|pwd)\s*=/) else { throw password }
    let place: Substring =
      switch form {
      case .scheme(_, let rest): rest[...]
      case .schemeAlone: text.drop { $0 != ":" }.dropFirst()
      case .prefix: text.drop { $0 != "/" }.drop { $0 == "/" }
      case .keywords, .pairs: ""
      }
    guard let end = place.lastIndex(of: "@") else { return }
    // The colons of an address of IPv6 are in brackets.
    let user = place[..<end].replacing(/\[[0-9A-Fa-f:.%]*\]/, with: "")
    guard let colon = user.firstIndex(of: ":"), user.index(after: colon) < user.endIndex else { return }
    throw password
  }

  /// The error for an address with a password in it.
  static let password = ConfigurationError(
    .badValue,
    "the address of the database has a password in it, which other users of this machine could see",
    remedy:
      "leave it out, and put it into ~/.pgpass or the file that PGPASSFILE names (mode 0600); an @ in a name is written %40"
  )

  private static func otherKind(scheme: String) -> ConfigurationError {
    otherKind("\(VisibleText.escape(scheme, cutAt: 20))://")
  }

  private static func otherKind(_ beginning: String) -> ConfigurationError {
    refusal(
      "the database is named by an address that begins with \(beginning), which no database of this program has"
    )
  }

  private static func refusal(_ message: String) -> ConfigurationError {
    ConfigurationError(
      .badValue, message,
      remedy:
        "name a server as postgresql://HOST[:PORT]/DATABASE, or a file with its path; ./NAME is a file of any name"
    )
  }
}
