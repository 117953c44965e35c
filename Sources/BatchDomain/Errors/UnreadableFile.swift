import Foundation

/// Why a file cannot be read, in words that fit every kind of file.
package struct UnreadableFile: Sendable, Equatable {
  /// What was found, a clause.
  package let cause: String
  /// What can be done about it.
  package let remedy: Remedy

  /// A file that is not there.
  ///
  /// - Parameter reader: the command that takes the file from a pipe, such as `orchestrate submit -`.
  package init(missing path: String, reader: String) {
    if let scheme = path.prefixMatch(of: /([A-Za-z][A-Za-z0-9+.\-]*):\/\//)?.1.lowercased() {
      self.init("this is an address", Self.remedy(scheme: scheme, reader))
    } else if let target = Self.target(of: path) {
      self.init(
        "it is a symbolic link to \"\(VisibleText.escape(target, cutAt: 100))\", which is not there",
        "fix the link, or name the file itself")
    } else if path.hasPrefix("/dev/fd/") || path.hasPrefix("/proc/") {
      self.init(
        "there is no such file",
        "a job file's paths begin in its folder, and a job file that is a pipe is in none: write the full path"
      )
    } else if path.hasPrefix("/") {
      self.init("there is no such file", "check the path")
    } else {
      self.init(
        "there is no such file",
        "check the path; it begins in the current folder, and one in a job file in the folder of that file")
    }
  }

  /// A file that a call of the system refuses, for any reason but that it is not there or is a folder.
  package init(_ number: Int32) {
    switch number {
    case EBADF: self.init("it is closed", "give it with < FILE or from a pipe, or name a file")
    case ENAMETOOLONG: self.init("its name is too long for the file system", "check the path")
    default:
      self.init(
        "it cannot be read (\(String(cString: strerror(number))))",
        "check the permissions of the file, and the disk")
    }
  }

  private init(_ cause: String, _ remedy: Remedy) {
    self.cause = cause
    self.remedy = remedy
  }

  private static func remedy(scheme: String, _ reader: String) -> Remedy {
    switch scheme {
    case "file": "name the file by its path, without file://"
    case "s3": "pipe it: `aws s3 cp s3://BUCKET/KEY - | \(reader)`"
    case "http", "https": "pipe it: `curl -fsS ADDRESS | \(reader)`"
    default: "copy it to a file, or pipe it to `\(reader)`"
    }
  }

  private static func target(of path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = readlink(path, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
