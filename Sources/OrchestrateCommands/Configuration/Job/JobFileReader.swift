import Notifications
import Reporting
import Yams

/// Goes through the YAML of a job file and collects what it says and all that is wrong with it.
struct JobFileReader {
  /// What the file says.
  private(set) var overrides = SettingsOverrides()
  /// All that is wrong, in the order of the file.
  private(set) var problems: [JobFileProblem] = []

  private let paths: JobPaths

  /// Nothing read yet.
  init(paths: JobPaths) { self.paths = paths }

  /// Reads a whole file.
  mutating func read(_ text: String) {
    do {
      // The encoding is named because the parser would otherwise look into the environment, and print.
      guard let root = try Parser(yaml: text, encoding: .utf8).singleRoot() else {
        return add(nil, "the file is empty, expected keys such as manifest: videos.json")
      }
      guard let mapping = root.mapping else {
        let isEmpty = root.scalar.map { $0.string.isEmpty } ?? false
        return add(
          root.mark,
          isEmpty
            ? "the file is empty, expected keys such as manifest: videos.json"
            : "found \(Self.describe(root)), expected keys with values, such as manifest: videos.json")
      }
      for (key, value) in mapping { read(key, value) }
    } catch {
      problems.append(YAMLProblem.of(error))
    }
  }

  private mutating func read(_ key: Node, _ value: Node) {
    guard let name = key.scalar?.string else {
      return add(key.mark, "found \(Self.describe(key)) as a key, expected a word")
    }
    guard let known = SettingKey(rawValue: name) else { return add(key.mark, UnknownKey.message(name)) }
    // The value of an alias has the place of its anchor, which may be lines before the key.
    let place = Self.isBefore(value.mark, key.mark) ? key.mark : value.mark
    if known == .rate, let list = value.sequence {
      guard !list.isEmpty else {
        overrides.rates = []
        return
      }
      for element in list { read(element, as: known, at: element.mark ?? place) }
    } else if known == .notifyCommand, let list = value.sequence {
      readCommand(list, at: place)
    } else {
      read(value, as: known, at: place)
    }
  }

  private mutating func readCommand(_ list: Node.Sequence, at place: Mark?) {
    let key = SettingKey.notifyCommand
    var words: [String] = []
    for element in list {
      guard let scalar = element.scalar, !Self.isNull(scalar, element.tag) else {
        return add(
          element.mark ?? place, "\(key.rawValue) has \(Self.describe(element)) in it, expected words only")
      }
      words.append(scalar.string)
    }
    do {
      overrides.notifyCommand = try NoticeText.command(words, for: key.rawValue)
    } catch {
      add(place, error.description)
    }
  }

  private mutating func read(_ value: Node, as key: SettingKey, at place: Mark?) {
    guard let scalar = value.scalar, Self.fits(scalar, isNull: Self.isNull(scalar, value.tag), key) else {
      return add(place, "\(key.rawValue) is \(Self.describe(value)), expected \(SettingShape.of(key).words)")
    }
    do {
      let paths = paths
      try overrides.read(scalar.string, as: key, called: key.rawValue) { (path) throws(ConfigurationError) in
        try paths.resolve(path)
      }
    } catch {
      add(place, error.description)
    }
  }

  private mutating func add(_ place: Mark?, _ message: String) {
    problems.append(JobFileProblem(line: place?.line ?? 1, column: place?.column ?? 1, message: message))
  }

  /// Whether a scalar is of the kind its key takes: numbers and booleans plain, words not null.
  private static func fits(_ scalar: Node.Scalar, isNull: Bool, _ key: SettingKey) -> Bool {
    let isPlain = scalar.style == .plain || scalar.style == .any
    switch SettingShape.of(key) {
    case .number: return isPlain && !isNull
    case .flag: return isPlain && ["true", "false"].contains(scalar.string)
    case .text, .wordList, .quantity: return !isNull
    }
  }

  /// Whether there is no value: nothing, `~` or `null` without quotes.
  private static func isNull(_ scalar: Node.Scalar, _ tag: Tag) -> Bool {
    guard scalar.style == .plain || scalar.style == .any else { return false }
    return scalar.string.isEmpty || tag == Tag(.null)
  }

  /// What a value is, for messages.
  private static func describe(_ node: Node) -> String {
    switch node {
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .alias: "an alias"
    case .scalar(let scalar):
      if isNull(scalar, node.tag) {
        "nothing"
      } else {
        scalar.style == .plain || scalar.style == .any
          ? ConfigurationError.quoted(scalar.string)
          : "the text \(ConfigurationError.quoted(scalar.string)) in quotes"
      }
    }
  }

  private static func isBefore(_ left: Mark?, _ right: Mark?) -> Bool {
    guard let left, let right else { return left == nil }
    return (left.line, left.column) < (right.line, right.column)
  }
}
