package import BatchDomain
import Foundation

/// Where the database is.
package enum DatabasePath {
  /// The environment variable that names it.
  package static let variable = "ORCHESTRATE_DB"

  /// Finds the place: the one given, then `$ORCHESTRATE_DB`, then `$XDG_STATE_HOME/orchestrate/orchestrate.db`,
  /// then `$HOME/.local/state/orchestrate/orchestrate.db`.
  ///
  /// `~` at the beginning is a home folder, as in ``HomePath``.
  ///
  /// Empty variables count as not set, and so does a relative `$XDG_STATE_HOME` (XDG Base Directory
  /// Specification: "all paths must be absolute ... should consider the path invalid and ignore it").
  ///
  /// - Parameters:
  ///   - option: the option that a path is given with.
  ///   - given: the path of `--db`, or of the job file where neither option nor variable is there.
  ///   - variables: the environment.
  /// - Throws: ``ConfigurationError`` with code `no_database_path`, or `bad_value` for a home folder that is not known.
  package static func resolve(
    _ option: String = "--db", given: String?, environment variables: [String: String]
  ) throws(ConfigurationError) -> String {
    if let given {
      guard !given.isEmpty, !given.utf8.contains(0) else {
        throw .badValue(option, given, expected: "a path")
      }
      if let address = try StoreOpener.address(given) { return address }
      return try file(given, option, variables)
    }
    if let path = variables[variable], !path.isEmpty {
      if let address = try StoreOpener.address(path) { return address }
      return try file(path, "$\(variable)", variables)
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
      "cannot find a path for the database: neither --db nor $ORCHESTRATE_DB is given, and neither $XDG_STATE_HOME nor "
        + "$HOME is an absolute path",
      remedy: "give one with --db PATH")
  }

  /// A path that does not say with a slash at its end that it is a folder.
  private static func file(
    _ path: String, _ thing: String, _ variables: [String: String]
  ) throws(ConfigurationError) -> String {
    guard path.utf8.last != UInt8(ascii: "/") else {
      throw .badValue(thing, path, expected: "the path of a file; name one in that folder")
    }
    return try HomePath.expand(path, home: variables["HOME"])
  }

  private static func join(_ folder: String, _ rest: String) -> String {
    folder.hasSuffix("/") ? folder + rest : "\(folder)/\(rest)"
  }
}

/// Paths that begin with the home folder of a user, as a shell reads them: `~`, `~/x`, `~user`, `~user/x`.
///
/// A shell expands `~` only where a word begins with it: not in `--db=~/x`, not in a variable that cron or systemd sets.
/// Taken as it is, such a path makes a folder of that name.
package enum HomePath {
  /// The path with the home folder in the place of `~`; any other path as it is. `./~x` names a file that begins so.
  ///
  /// - Parameters:
  ///   - home: the home folder of this user, as `$HOME` has it.
  ///   - folderOf: finds the home folder of another user; `nil` when there is none.
  /// - Throws: ``ConfigurationError`` with code `bad_value` when that folder is not known.
  package static func expand(
    _ path: String, home: String?, folderOf: (String) -> String? = Self.folder(of:)
  ) throws(ConfigurationError) -> String {
    guard path.utf8.first == UInt8(ascii: "~") else { return path }
    let user = path.dropFirst().prefix { $0 != "/" }
    let rest = path.dropFirst(1 + user.count)
    let found: String
    if user.isEmpty {
      guard let home, home.hasPrefix("/") else {
        throw ConfigurationError(
          .badValue,
          "the path \(ConfigurationError.quoted(path)) needs the home folder, and $HOME does not name one",
          remedy: "set HOME, or give the full path")
      }
      found = home
    } else {
      guard let folder = folderOf(String(user)), folder.hasPrefix("/") else {
        throw ConfigurationError(
          .badValue,
          "the path \(ConfigurationError.quoted(path)) begins with the home folder of a user who does not exist",
          remedy: "give the full path, or put ./ before the name of a file that begins with ~")
      }
      found = folder
    }
    var base = found
    while base.utf8.count > 1, base.hasSuffix("/") { base.removeLast() }
    if base == "/", !rest.isEmpty { return String(rest) }
    return base + rest
  }

  /// The home folder of a user as the system knows it.
  package static func folder(of user: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 1 << 14)
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    guard getpwnam_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil, let home = entry.pw_dir
    else { return nil }
    return String(cString: home)
  }
}

extension ProcessContext {
  /// A path as an option or an argument has it, with the home folder in the place of `~`.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  func path(_ given: String) throws(ConfigurationError) -> String {
    try HomePath.expand(given, home: environment["HOME"])
  }

  /// The same from the root of the file system, without `.` and `..`.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  func absolutePath(_ given: String) throws(ConfigurationError) -> String {
    URL(fileURLWithPath: try path(given)).standardized.path
  }
}

/// Brings the paths in a job file to the form they are opened with.
struct JobPaths {
  /// The folder of the job file with a slash at its end; empty for the current one.
  private let folder: String
  private let home: String?

  /// Paths of a job file.
  init(jobFile: String, home: String?) {
    folder = jobFile.unicodeScalars.lastIndex(of: "/").map { String(jobFile.unicodeScalars[...$0]) } ?? ""
    self.home = home
  }

  /// Joins a path to the folder of the job file, or to a home folder when it begins with `~`; absolute paths and `-`
  /// (standard input) stay.
  ///
  /// `..` is left to the system: taking it out here would be wrong where a folder is a symbolic link.
  func resolve(_ path: String) throws(ConfigurationError) -> String {
    if path == "-" || path.hasPrefix("/") { return path }
    let path = try HomePath.expand(path, home: home)
    // Beside a job file in the current folder `./-` and `./~x` are files of those names, and stay written so.
    guard !path.hasPrefix("/"), !folder.isEmpty else { return path }
    return folder + (path.hasPrefix("./") ? String(path.dropFirst(2)) : path)
  }
}
