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
