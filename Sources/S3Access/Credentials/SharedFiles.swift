internal import BatchDomain

/// AWS's shared files: `~/.aws/credentials` and `~/.aws/config`.
///
/// The dialect is that of botocore, which reads them with Python's configparser: sections in brackets; `name = value` or
/// `name: value`, whichever of the two signs comes first; comments with `#` or `;` at the beginning of a line; a line that is
/// indented further than the property before belongs to its value, also behind a blank line; what `[DEFAULT]` has, every
/// profile has. Where configparser refuses a whole file, only the profile is refused that the line is in. Taken beyond it: a
/// byte order mark, spaces around the name of a section, and a section or a property that is there twice: the last one wins.
struct SharedFile: Sendable {
  /// Which of the two files it is: they name sections in different ways.
  enum Role: Sendable {
    /// Sections are names of profiles.
    case credentials
    /// Sections are `default`, `profile NAME` and `services NAME`; others are about something else.
    case config
  }

  /// The section whose properties every profile has.
  private static let common = "DEFAULT"

  /// The properties of each profile and of each section of services; names of properties in lower case.
  private var profiles: [String: [String: String]] = [:]
  /// The first line of a profile that cannot be read.
  private var faults: [String: S3Error] = [:]

  /// Reads a file.
  ///
  /// - Parameter path: for messages. They never repeat a line, which may have a secret in it.
  init(_ bytes: [UInt8], as role: Role, path: String) throws(S3Error) {
    var profile: String?
    var property: (name: String, indent: Int)?
    var isInSection = false
    var commonProperties: [String: String] = [:]
    func set(_ name: String, _ change: (String?) -> String) {
      guard let profile else { return }
      if profile == Self.common {
        commonProperties[name] = change(commonProperties[name])
      } else {
        profiles[profile, default: [:]][name] = change(profiles[profile]?[name])
      }
    }
    for (index, line) in Self.lines(bytes).enumerated() {
      let content = Self.trimmed(line)
      guard let first = content.first, first != UInt8(ascii: "#"), first != UInt8(ascii: ";") else {
        continue
      }
      let indent = content.startIndex - line.startIndex
      if let property, indent > property.indent {
        set(property.name) { ($0 ?? "") + "\n" + Self.text(content) }
        continue
      }
      if first == UInt8(ascii: "[") {
        let end = content.lastIndex(of: UInt8(ascii: "]"))
        profile = Self.profile(content[(content.startIndex + 1)..<(end ?? content.endIndex)], role)
        if end == nil { note("a section has no ]", of: profile, index, path) }
        if let profile, profile != Self.common, profiles[profile] == nil { profiles[profile] = [:] }
        (isInSection, property) = (true, nil)
        continue
      }
      guard isInSection else { throw Self.refuse(path, index, "it stands before the first section") }
      guard let sign = content.firstIndex(where: { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") }),
        sign != content.startIndex
      else {
        note("it is neither a section, a comment nor a property", of: profile, index, path)
        continue
      }
      let name = Self.text(Self.trimmed(content[..<sign])).lowercased()
      property = (name, indent)
      set(name) { _ in Self.text(Self.trimmed(content[(sign + 1)...])) }
    }
    profiles = profiles.mapValues { commonProperties.merging($0) { $1 } }
  }

  /// The properties of a profile; `nil` when the file does not have it.
  ///
  /// - Throws: ``S3Error`` where a line of it cannot be read.
  func properties(of profile: String) throws(S3Error) -> [String: String]? {
    if let fault = faults[profile] ?? faults[Self.common] { throw fault }
    return profiles[profile]
  }

  /// Keeps a fault for when the profile is asked for; a section that is no profile is nobody's.
  private mutating func note(_ what: String, of profile: String?, _ index: Int, _ path: String) {
    guard let profile, faults[profile] == nil else { return }
    faults[profile] = Self.refuse(path, index, what)
  }

  /// The profile that a section is about; `nil` when it is about something else.
  private static func profile(_ section: ArraySlice<UInt8>, _ role: Role) -> String? {
    let name = trimmed(section)
    if role == .credentials || name.elementsEqual("default".utf8) || name.elementsEqual(common.utf8) {
      return text(name)
    }
    let word = name.prefix { !isSpace($0) }
    let isServices = word.elementsEqual("services".utf8)
    guard isServices || word.elementsEqual("profile".utf8) else { return nil }
    let rest = trimmed(name[word.endIndex...])
    guard let first = rest.first, let last = rest.last else { return nil }
    let isQuoted =
      rest.count >= 2 && first == last && (first == UInt8(ascii: "\"") || first == UInt8(ascii: "'"))
    let title = text(isQuoted ? rest.dropFirst().dropLast() : rest)
    return isServices ? services(title) : title
  }

  /// The name under which a section of services is kept: no profile can have it.
  static func services(_ name: String) -> String { "services\0\(name)" }

  /// A property in a value that has properties of its own, one on a line.
  static func nested(_ name: String, in value: String) -> String? {
    for line in value.utf8.split(separator: UInt8(ascii: "\n")) {
      let bytes = Array(line)
      guard let sign = bytes.firstIndex(of: UInt8(ascii: "=")),
        text(trimmed(bytes[..<sign])).lowercased() == name
      else { continue }
      return text(trimmed(bytes[(sign + 1)...]))
    }
    return nil
  }

  /// The lines, whichever system ended them, without a byte order mark.
  private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    var position = start
    while position < bytes.count {
      let byte = bytes[position]
      if byte == 0x0A || byte == 0x0D {
        lines.append(bytes[start..<position])
        if byte == 0x0D, position + 1 < bytes.count, bytes[position + 1] == 0x0A { position += 1 }
        start = position + 1
      }
      position += 1
    }
    return lines + [bytes[start...]]
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = text.drop(while: isSpace)
    while let last = text.last, isSpace(last) { text.removeLast() }
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

    /// The properties that make up a key pair in the credentials file; `nil` where it has none.
    ///
    /// - Parameter shown: the profile, for messages.
    func pair(_ shown: String) -> CredentialTexts? { Self.pair(in: credentials, shown) }

    /// The same of the other file, which comes after every other way in which the profile may name credentials.
    func lastPair(_ shown: String) -> CredentialTexts? { Self.pair(in: config, shown) }

    private static func pair(in file: [String: String], _ shown: String) -> CredentialTexts? {
      guard file["aws_access_key_id"] != nil || file["aws_secret_access_key"] != nil else { return nil }
      let token = file["aws_session_token"] == nil ? "aws_security_token" : "aws_session_token"
      func part(_ property: String) -> CredentialTexts.Part {
        ("\(property) of \(shown)", file[property].map(plain))
      }
      return CredentialTexts(
        id: part("aws_access_key_id"), secret: part("aws_secret_access_key"), token: part(token))
    }

    /// A value without a comment after it.
    private static func plain(_ value: String) -> String {
      let rest = value.unicodeScalars.drop { !$0.properties.isWhitespace }.drop { $0.properties.isWhitespace }
      guard rest.first == "#" || rest.first == ";" else { return value }
      return String(value.unicodeScalars.prefix { !$0.properties.isWhitespace })
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
  ///
  /// - Throws: ``S3Error`` where a line of it cannot be read.
  func profile(_ name: String) throws(S3Error) -> Profile? {
    let (first, second) = (try credentials?.properties(of: name), try config?.properties(of: name))
    guard first != nil || second != nil else { return nil }
    return Profile(credentials: first ?? [:], config: second ?? [:])
  }

  /// The endpoint of S3 that a profile names: for S3 alone in its section of services, else for every service.
  ///
  /// - Throws: ``S3Error`` where a line of the profile or of that section cannot be read.
  func endpoint(of name: String) throws(S3Error) -> String? {
    guard let profile = try profile(name) else { return nil }
    var own: String?
    if let services = profile.property("services"),
      let section = try config?.properties(of: SharedFile.services(services))
    {
      own = section["s3"].flatMap { SharedFile.nested("endpoint_url", in: $0) }
    }
    return [own, profile.property("endpoint_url")].compactMap(\.self).first { !$0.isEmpty }
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
