/// Where the database is.
package enum DatabasePath {
  /// The environment variable that names it.
  package static let variable = "ORCHESTRATE_DB"

  /// Finds the path: the one given, then `$ORCHESTRATE_DB`, then `$XDG_STATE_HOME/orchestrate/orchestrate.db`,
  /// then `$HOME/.local/state/orchestrate/orchestrate.db`.
  ///
  /// `~` at the beginning is a home folder, as in ``HomePath``.
  ///
  /// Empty variables count as not set, and so does a relative `$XDG_STATE_HOME` (XDG Base Directory
  /// Specification: "all paths must be absolute ... should consider the path invalid and ignore it").
  ///
  /// - Parameters:
  ///   - given: the path of `--db`, or of the job file where neither option nor variable is there.
  ///   - variables: the environment.
  /// - Throws: ``ConfigurationError`` with code `no_database_path`, or `bad_value` for a home folder that is not known.
  package static func resolve(
    given: String?, environment variables: [String: String]
  ) throws(ConfigurationError) -> String {
    if let given {
      guard !given.isEmpty, !given.utf8.contains(0) else {
        throw .badValue(SettingKey.db.option, given, expected: "a path")
      }
      return try HomePath.expand(given, home: variables["HOME"])
    }
    if let path = variables[variable], !path.isEmpty {
      return try HomePath.expand(path, home: variables["HOME"])
    }
    if let state = variables["XDG_STATE_HOME"] {
      let folder = try HomePath.expand(state, home: variables["HOME"])
      if folder.hasPrefix("/") { return join(folder, "orchestrate/orchestrate.db") }
    }
    if let home = variables["HOME"], home.hasPrefix("/") {
      return join(home, ".local/state/orchestrate/orchestrate.db")
    }
    throw ConfigurationError(
      .noDatabasePath,
      "no place for the database: neither --db nor $ORCHESTRATE_DB is given, and neither $XDG_STATE_HOME nor "
        + "$HOME is an absolute path",
      remedy: "give one with --db PATH")
  }

  private static func join(_ folder: String, _ rest: String) -> String {
    folder.hasSuffix("/") ? folder + rest : "\(folder)/\(rest)"
  }
}
