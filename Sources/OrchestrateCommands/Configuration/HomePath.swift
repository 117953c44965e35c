import Foundation

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
          remedy: "set HOME, or write the whole path")
      }
      found = home
    } else {
      guard let folder = folderOf(String(user)), folder.hasPrefix("/") else {
        throw ConfigurationError(
          .badValue,
          "the path \(ConfigurationError.quoted(path)) begins with the home folder of a user who does not exist",
          remedy: "write the whole path, or put ./ before the name of a file that begins with ~")
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
}
