import BatchDomain
import Reporting
import Yams

/// Goes through the YAML of a job file and collects what it says and all that is wrong with it.
struct JobFileReader {
  /// What the file says.
  private(set) var layer = SettingsLayer()
  /// All that is wrong, in the order of the file.
  private(set) var problems: [JobFileProblem] = []

  private let paths: JobPaths
  private var unknownKeys = 0

  /// Nothing read yet.
  init(paths: JobPaths) { self.paths = paths }

  /// Reads a whole file.
  mutating func read(_ text: String) {
    guard !Self.isManifest(text) else {
      return add(
        nil,
        "this is a manifest, expected a job file; name the manifest without --job, or with manifest: in a job file"
      )
    }
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
      for (key, value) in mapping {
        read(key, value)
        guard unknownKeys < Self.mostUnknownKeys else {
          return add(
            key.mark, "the rest is not read: \(unknownKeys) keys are unknown, and this is hardly a job file")
        }
      }
    } catch {
      problems.append(YAMLProblem.of(error))
    }
  }

  /// Unknown keys after which a file is not read on: each is compared with all known ones.
  private static let mostUnknownKeys = 20

  /// Whether a text is JSON with items in it.
  private static func isManifest(_ text: String) -> Bool {
    guard let first = text.first(where: { !$0.isWhitespace }), first == "{" || first == "[" else {
      return false
    }
    return text.prefix(4_096).contains("\"index_id\"")
  }

  private mutating func read(_ key: Node, _ value: Node) {
    guard let name = key.scalar?.string else {
      return add(key.mark, "found \(Self.describe(key)) as a key, expected a word")
    }
    guard let setting = SubmitSettings.setting(name) else {
      unknownKeys += 1
      return add(key.mark, UnknownKey.message(name))
    }
    // The value of an alias has the place of its anchor, which may be lines before the key.
    let place = Self.isBefore(value.mark, key.mark) ? key.mark : value.mark
    guard let list = value.sequence, setting.isList || setting.readWords != nil else {
      return read(value, as: setting, at: place)
    }
    guard setting.readWords == nil else { return read(words: list, as: setting, at: place) }
    // An empty list says that there is nothing, whatever the default is.
    layer.give(setting)
    for element in list { read(element, as: setting, at: element.mark ?? place) }
  }

  private mutating func read(words list: Node.Sequence, as setting: Setting<SubmitSettings>, at place: Mark?)
  {
    var words: [String] = []
    for element in list {
      guard let scalar = element.scalar, !Self.isNull(scalar, element.tag) else {
        return add(
          element.mark ?? place, "\(setting.key) has \(Self.describe(element)) in it, expected words only")
      }
      words.append(scalar.string)
    }
    do {
      try layer.read(words, as: setting, called: setting.key)
    } catch {
      add(place, error.description)
    }
  }

  private mutating func read(_ value: Node, as setting: Setting<SubmitSettings>, at place: Mark?) {
    guard let scalar = value.scalar, Self.fits(scalar, isNull: Self.isNull(scalar, value.tag), setting.shape)
    else {
      return add(place, "\(setting.key) is \(Self.describe(value)), expected \(setting.shape.words)")
    }
    do {
      let paths = paths
      try layer.read(scalar.string, as: setting, called: setting.key) { (path) throws(ConfigurationError) in
        // The address of a server is not joined to the folder of the job file.
        if setting.key == "db", let address = try StoreOpener.address(path) { return address }
        return try paths.resolve(path)
      }
    } catch {
      add(place, error.description)
    }
  }

  private mutating func add(_ place: Mark?, _ message: String) {
    problems.append(JobFileProblem(line: place?.line ?? 1, column: place?.column ?? 1, message: message))
  }

  /// Whether a scalar is of the kind its key takes: numbers and booleans plain, words not null.
  private static func fits(_ scalar: Node.Scalar, isNull: Bool, _ shape: SettingShape) -> Bool {
    let isPlain = scalar.style == .plain || scalar.style == .any
    switch shape {
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

/// What to say about a key that a job file does not have.
enum UnknownKey {
  /// The sentence, with the nearest right name where one is near.
  static func message(_ name: String) -> String {
    let plain = name.lowercased().filter { $0 != "-" && $0 != "_" && $0 != " " && $0 != "." }
    if secretNames.contains(plain) {
      return "an API key does not belong in a job file, where it gets copied and committed; put it into "
        + "$TWELVELABS_API_KEY, or into a file that api-key-file names"
    }
    let found = "unknown key \(ConfigurationError.quoted(name))"
    if let near = nearest(name) { return "\(found), did you mean \"\(near)\"?" }
    return "\(found), expected one of \(SubmitSettings.table.map(\.key).joined(separator: ", "))"
  }

  /// The known key that takes the fewest changes to type instead, if that is few enough to be meant.
  static func nearest(_ name: String) -> String? {
    let typed = name.lowercased().split { $0 == "_" || $0 == " " }.joined(separator: "-")
    return NearestWord.to(typed, among: SubmitSettings.table.map(\.key))
  }

  private static let secretNames: Set<String> = [
    "apikey", "xapikey", "twelvelabsapikey", "key", "token", "secret",
  ]
}

/// What the YAML parser says, as a problem of a job file.
///
/// Only its words are taken, never its excerpt of the file: a key pasted into the wrong place would be in it.
enum YAMLProblem {
  /// The problem behind an error that the parser throws.
  static func of(_ error: any Error) -> JobFileProblem {
    switch error as? YamlError {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
      return at(mark, "not YAML: \(words(context, problem))")
    case .composer(_, let problem, let mark, _) where problem.contains("another document"):
      return at(mark, "a second YAML document begins here, expected only one")
    case .composer(let context, let problem, let mark, _):
      return at(mark, "not YAML: \(words(context, problem))")
    case .duplicatedKeysInMapping(let names, let context):
      let list = names.map(ConfigurationError.quoted).joined(separator: ", ")
      return at(
        context.mark, "the key \(list) is there more than once, the first time here; expected it only once")
    case .reader(let problem, let offset, _, let text):
      let (line, column) = place(offset, in: text)
      return JobFileProblem(
        line: line, column: column, message: "not YAML: \(VisibleText.escape(problem))")
    default:
      return JobFileProblem(line: 1, column: 1, message: "not YAML")
    }
  }

  private static func at(_ mark: Mark, _ message: String) -> JobFileProblem {
    JobFileProblem(line: max(1, mark.line), column: max(1, mark.column), message: message)
  }

  private static func words(_ context: YamlError.Context?, _ problem: String) -> String {
    let words = [context?.text, problem].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " ")
    let hint = hints.first { words.contains($0.words) }.map { "; " + $0.advice } ?? ""
    return VisibleText.escape(words, cutAt: 200) + hint
  }

  /// What to do about what libyaml says of values that are words for a person.
  private static let hints: [(words: String, advice: String)] = [
    ("alias", #"put a value that begins with * in quotes, such as "*.json""#),
    ("scanning an anchor", "put a value that begins with & in quotes"),
    (
      "cannot start any token",
      "put a value that begins with @, % or a back quote in quotes, and indent with spaces, not tabs"
    ),
    ("mapping values are not allowed", #"put a value that has ": " in it in quotes"#),
    (
      "block sequence entries are not allowed",
      #"put a value that is - in quotes ("-"), and begin a list on the next line"#
    ),
    ("a tab character", "indent with spaces, not tabs"),
  ]

  /// Line and column of a byte.
  private static func place(_ offset: Int?, in text: String) -> (line: Int, column: Int) {
    let before = text.utf8.prefix(max(0, offset ?? 0))
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    let column = before.reversed().prefix { $0 != UInt8(ascii: "\n") }.count + 1
    return (line, column)
  }
}
