internal import BatchDomain

/// AWS's shared files: `~/.aws/credentials` and `~/.aws/config`.
///
/// The dialect of botocore: sections in brackets, `name = value`, comments with `#` or `;` at the beginning of a line, and
/// indented lines that belong to the property before: more of its value, or nested properties where it has none.
struct SharedFile: Sendable {
  /// Which of the two files it is: they name sections in different ways.
  enum Role: Sendable {
    /// Sections are names of profiles.
    case credentials
    /// Sections are `default` and `profile NAME`; others are about something else.
    case config
  }

  /// The properties of each profile; names of properties in lower case.
  private(set) var profiles: [String: [String: String]] = [:]

  /// Reads a file.
  ///
  /// - Parameter path: for messages. They never repeat a line, which may have a secret in it.
  init(_ bytes: [UInt8], as role: Role, path: String) throws(S3Error) {
    var profile: String?
    var property: String?
    var isInSection = false
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      var text = String(decoding: line, as: UTF8.self)
      if index == 0, text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
      let content = Self.trimmed(text[...])
      guard let first = content.first, first != "#", first != ";" else { continue }
      if text.first == " " || text.first == "\t", isInSection, let name = property {
        if let profile { profiles[profile]?[name, default: ""] += "\n" + content }
        continue
      }
      if first == "[" {
        guard let end = content.lastIndex(of: "]") else {
          throw Self.refuse(path, index, "a section has no ]")
        }
        profile = Self.profile(content[content.index(after: content.startIndex)..<end], role)
        if let profile, profiles[profile] == nil { profiles[profile] = [:] }
        (isInSection, property) = (true, nil)
        continue
      }
      guard let equals = content.firstIndex(of: "="), equals != content.startIndex else {
        throw Self.refuse(path, index, "it is neither a section, a comment nor a property")
      }
      guard isInSection else { throw Self.refuse(path, index, "it stands before the first section") }
      let name = Self.trimmed(content[..<equals]).lowercased()
      property = name
      if let profile {
        profiles[profile]?[name] = String(Self.trimmed(content[content.index(after: equals)...]))
      }
    }
  }

  /// The profile that a section is about; `nil` when it is about something else.
  private static func profile(_ section: Substring, _ role: Role) -> String? {
    let name = trimmed(section)
    if role == .credentials || name == "default" { return String(name) }
    let words = name.split(maxSplits: 1, whereSeparator: isSpace)
    guard words.count == 2, words[0] == "profile" else { return nil }
    let rest = trimmed(words[1])
    let isQuoted = rest.count >= 2 && rest.first == rest.last && (rest.first == "\"" || rest.first == "'")
    return String(isQuoted ? rest.dropFirst().dropLast() : rest)
  }

  private static func isSpace(_ character: Character) -> Bool {
    character == " " || character == "\t" || character == "\r" || character == "\r\n"
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let last = text.last, isSpace(last) { text.removeLast() }
    while let first = text.first, isSpace(first) { text.removeFirst() }
    return text
  }

  private static func refuse(_ path: String, _ index: Int, _ what: String) -> S3Error {
    S3Error(
      .credentialsInvalid,
      "line \(index + 1) of \(VisibleText.escape(path, cutAt: 200)) cannot be read: \(what)",
      remedy: "correct the line, or move the file away")
  }
}

/// The two shared files together.
struct SharedFiles: Sendable {
  /// What the files say of one profile: the credentials file before the other.
  struct Profile: Sendable {
    private let credentials: [String: String]
    private let config: [String: String]

    init(credentials: [String: String], config: [String: String]) {
      (self.credentials, self.config) = (credentials, config)
    }

    /// A property, from the credentials file where both have it.
    func property(_ name: String) -> String? { credentials[name] ?? config[name] }

    /// The properties that make up a key pair, both from the same file.
    var pair: (id: String?, secret: String?, token: String?)? {
      for file in [credentials, config] {
        let (id, secret) = (file["aws_access_key_id"], file["aws_secret_access_key"])
        guard id != nil || secret != nil else { continue }
        return (
          id.map(Self.plain), secret.map(Self.plain),
          (file["aws_session_token"] ?? file["aws_security_token"]).map(Self.plain)
        )
      }
      return nil
    }

    /// A value without a comment after it: none of these has a space in it.
    private static func plain(_ value: String) -> String {
      String(value.prefix { $0 != " " && $0 != "\t" && $0 != "\n" })
    }
  }

  /// Paths as messages show them, the credentials file first.
  let paths: [String]
  private let credentials: SharedFile?
  private let config: SharedFile?

  /// Reads both files; one that is not there has no profiles.
  init(_ world: AccessWorld) async throws {
    let home = world.variable("HOME")
    func path(_ variable: String, _ file: String) -> String? {
      if let given = world.variable(variable) {
        return given.hasPrefix("~/") ? home.map { $0 + given.dropFirst() } ?? given : given
      }
      return home.map { "\($0)/.aws/\(file)" }
    }
    func read(_ path: String?, _ role: SharedFile.Role) async throws -> SharedFile? {
      guard let path, let bytes = try await world.read(path) else { return nil }
      return try SharedFile(bytes, as: role, path: path)
    }
    let first = path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    let second = path("AWS_CONFIG_FILE", "config")
    paths = [first, second].compactMap(\.self)
    credentials = try await read(first, .credentials)
    config = try await read(second, .config)
  }

  /// What they say of a profile; `nil` when neither names it.
  func profile(_ name: String) -> Profile? {
    let (first, second) = (credentials?.profiles[name], config?.profiles[name])
    guard first != nil || second != nil else { return nil }
    return Profile(credentials: first ?? [:], config: second ?? [:])
  }
}

/// A command line split into words as a POSIX shell does, without running one: quotes and backslashes, nothing else.
enum CommandWords {
  /// The words; `nil` when a quote is not closed or a backslash stands at the end.
  static func split(_ text: String) -> [String]? {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var isEscaped = false
    for character in text {
      if isEscaped {
        // Between double quotes a backslash stands for itself, unless it hides a quote or another backslash.
        if quote == "\"", character != "\"", character != "\\" { word?.append("\\") }
        word = (word ?? "") + String(character)
        isEscaped = false
      } else if character == "\\", quote != "'" {
        isEscaped = true
        word = word ?? ""
      } else if let open = quote {
        if character == open { quote = nil } else { word?.append(character) }
      } else if character == "'" || character == "\"" {
        quote = character
        word = word ?? ""
      } else if character.isWhitespace {
        if let whole = word { words.append(whole) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    guard quote == nil, !isEscaped else { return nil }
    return words + (word.map { [$0] } ?? [])
  }
}
