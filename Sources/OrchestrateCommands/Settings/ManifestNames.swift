import BatchDomain
import Foundation

/// Which manifests are to be submitted, as they were named: one path, or several of a job file, which may be patterns.
package struct ManifestNames: Equatable, Sendable {
  /// Paths, or patterns of them; none when nobody named a manifest.
  package var names: [String]
  /// Whether `*` and `?` in them stand for other characters: so in a job file. A shell has expanded arguments already.
  package var mayBePatterns: Bool

  /// The manifests of these names.
  package init(_ names: [String] = [], mayBePatterns: Bool = false) {
    self.names = names
    self.mayBePatterns = mayBePatterns
  }

  /// Whether there is a run for each of several files, however many there turn out to be: where more than one is named, or
  /// a pattern.
  var areSeveral: Bool { names.count > 1 || mayBePatterns && names.contains(where: PathPattern.isOne) }

  /// The files, each once: in the order of the list, and for a pattern in the order of their bytes.
  ///
  /// - Throws: ``CommandFailure`` with status 2 where a pattern has no match, a folder cannot be read, or standard input is
  ///   one of several.
  func files() throws(CommandFailure) -> [String] {
    var files: [String] = []
    var known: Set<[UInt8]> = []
    for name in names {
      guard name != "-" || names.count == 1 else {
        throw CommandFailure(
          .badInput, code: "manifest_is_input", "standard input (-) is one of several manifests",
          remedy: "submit it in a command of its own")
      }
      let found = mayBePatterns && PathPattern.isOne(name) ? try PathPattern(name).matches() : [name]
      for file in found where known.insert(Array(file.utf8)).inserted { files.append(file) }
    }
    return files
  }
}

extension SettingKind where Value == ManifestNames {
  /// Paths of a job file; a list has several.
  static var manifests: SettingKind {
    var kind = SettingKind(
      shape: .text, valueName: "path",
      parse: { (text, thing) throws(ConfigurationError) in
        ManifestNames([try PathText.parse(text, for: thing)], mayBePatterns: true)
      },
      format: { $0.names.isEmpty ? nil : $0.names.joined(separator: ", ") })
    kind.check = { (manifests, thing) throws(ConfigurationError) in
      for name in manifests.names { _ = try PathText.parse(name, for: thing) }
    }
    kind.adding = { ManifestNames($0.names + $1.names, mayBePatterns: true) }
    kind.isPath = true
    return kind
  }
}

/// A path in which `*` stands for any characters and `?` for one, as in a shell: not for `/`, and not for a `.` that a name
/// begins with. A name that is there as it is written is itself.
struct PathPattern {
  private let text: String

  /// Whether a path has such characters.
  static func isOne(_ path: String) -> Bool {
    path.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
  }

  /// A pattern as it is written.
  init(_ text: String) { self.text = text }

  /// The files that match, in the order of the bytes of their paths; folders are left out.
  ///
  /// - Throws: ``CommandFailure`` with status 2 when there are none, or a folder cannot be read.
  func matches() throws(CommandFailure) -> [String] {
    var places = [text.hasPrefix("/") ? "/" : ""]
    for part in text.split(separator: "/") {
      var next: [String] = []
      for folder in places {
        let plain = Self.join(folder, String(part))
        if !Self.isOne(String(part)) || Self.exists(plain) {
          next.append(plain)
        } else {
          for name in try names(in: folder) where Self.matches(Array(name.utf8), Array(part.utf8)) {
            next.append(Self.join(folder, name))
          }
        }
      }
      places = next
    }
    let files = places.filter(Self.isFile).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    guard !files.isEmpty else {
      throw CommandFailure(
        .badInput, code: "no_manifest_matches", "no file matches \(ConfigurationError.quoted(text))",
        remedy: "check `manifest` of the job file; relative paths begin in the folder of the job file")
    }
    return files
  }

  /// The names in a folder; none where it is not there.
  private func names(in folder: String) throws(CommandFailure) -> [String] {
    guard let opened = opendir(folder.isEmpty ? "." : folder) else {
      if errno == ENOENT || errno == ENOTDIR { return [] }
      throw CommandFailure(
        .badInput, code: "manifest_folder",
        "the folder \(ConfigurationError.quoted(folder)) of \(ConfigurationError.quoted(text)) cannot be read: "
          + String(cString: strerror(errno)), remedy: "check the permissions of the folder")
    }
    defer { closedir(opened) }
    var names: [String] = []
    while let entry = readdir(opened) {
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if let name = String(validating: bytes, as: UTF8.self) {
        names.append(name)
      } else if Self.matches(bytes, Array(text.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed()))
      {
        throw CommandFailure(
          .badInput, code: "manifest_name",
          "a file that matches \(ConfigurationError.quoted(text)) has a name that is not UTF-8: "
            + VisibleText.escape(String(decoding: bytes, as: UTF8.self)), remedy: "rename it")
      }
    }
    return names
  }

  private static func join(_ folder: String, _ name: String) -> String {
    folder.isEmpty || folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }

  private static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Whether a path is there and no folder. A link that leads to nothing is one that cannot be read, and not one that is
  /// passed over: the disk that has the file may not be mounted.
  private static func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & S_IFMT != S_IFDIR : exists(path)
  }

  /// Whether a name matches one part of a pattern.
  static func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
    let (star, one) = (UInt8(ascii: "*"), UInt8(ascii: "?"))
    if name.first == UInt8(ascii: "."), pattern.first == star || pattern.first == one { return false }
    var (place, position) = (0, 0)
    // Where the last star is, and what it stands for so far.
    var retry: (place: Int, position: Int)?
    while place < name.count {
      if position < pattern.count, pattern[position] == star {
        position += 1
        retry = (place, position)
      } else if position < pattern.count, pattern[position] == one {
        place += characterLength(name, at: place)
        position += 1
      } else if position < pattern.count, pattern[position] == name[place] {
        (place, position) = (place + 1, position + 1)
      } else if let last = retry {
        (place, position) = (last.place + 1, last.position)
        retry = (place, position)
      } else {
        return false
      }
    }
    return pattern[position...].allSatisfy { $0 == star }
  }

  /// Bytes of the character of UTF-8 that begins at a place.
  private static func characterLength(_ name: [UInt8], at place: Int) -> Int {
    1 + name[(place + 1)...].prefix { $0 & 0xC0 == 0x80 }.count
  }
}
