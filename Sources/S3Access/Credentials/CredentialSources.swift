package import BatchDomain
package import ChildProcesses
internal import NIOPosix
package import S3Signing

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// What sources of credentials have of the world: tests put their own behind it.
package struct AccessWorld: Sendable {
  private let variables: [String: String]
  private let clockOfWorld: any BatchClock
  private let transportOfWorld: any AccessTransport
  private let readFile: @Sendable (String) async throws -> [UInt8]?
  private let runProgram: @Sendable ([String], [String: String]) async throws -> ChildOutput

  /// A world of its own.
  ///
  /// - Parameters:
  ///   - environment: the environment variables.
  ///   - readFile: the content of a file; `nil` when there is none of that path. By default from disk.
  ///   - run: runs a program to its end with all its environment variables. By default a process.
  package init(
    environment: [String: String], clock: any BatchClock, transport: any AccessTransport,
    readFile: @escaping @Sendable (String) async throws -> [UInt8]? = { try await AccessFiles.read($0) },
    run: @escaping @Sendable ([String], [String: String]) async throws -> ChildOutput = {
      words, environment in
      try await ChildProgram(words, environment: environment).output(limit: 1 << 20)
    }
  ) {
    variables = environment
    clockOfWorld = clock
    transportOfWorld = transport
    self.readFile = readFile
    runProgram = run
  }

  /// Time.
  var clock: any BatchClock { clockOfWorld }
  /// The way to other machines.
  var transport: any AccessTransport { transportOfWorld }

  /// An environment variable; an empty one counts as not set.
  func variable(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }

  /// The content of a file; `nil` when there is none.
  ///
  /// - Throws: ``S3Error`` when it cannot be read.
  func read(_ path: String) async throws -> [UInt8]? { try await readFile(path) }

  /// Runs a program with the environment of this one.
  func run(_ words: [String]) async throws -> ChildOutput { try await runProgram(words, variables) }
}

/// Files that name credentials.
package enum AccessFiles {
  /// Such a file is a few hundred bytes; what is larger is another file.
  private static let most = 1 << 20

  /// Reads a file on a thread that may wait: it can be a pipe, or on another machine's disk.
  ///
  /// - Returns: `nil` when there is no such file.
  /// - Throws: ``S3Error`` with code `aws_credentials_invalid`.
  package static func read(_ path: String) async throws -> [UInt8]? {
    try await NIOThreadPool.singleton.runIfActive { () throws -> [UInt8]? in
      func refuse(_ what: String) -> S3Error {
        S3Error(
          .credentialsInvalid, "the file \(VisibleText.escape(path, cutAt: 200)) \(what)",
          remedy: "check the path and who may read it")
      }
      let data: Data
      do {
        data = try Data(contentsOf: URL(fileURLWithPath: path))
      } catch let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile
      {
        return nil
      } catch {
        throw refuse("cannot be read")
      }
      guard data.count <= most else { throw refuse("has more than 1 MiB, which no such file needs") }
      return Array(data)
    }
  }
}

/// Credentials, and where they are from.
package struct HeldCredentials: Sendable {
  /// The credentials.
  package let credentials: AWSCredentials
  /// Where they are from, as a clause for messages: `the environment`, `profile "x" of ~/.aws/credentials`.
  package let origin: String

  /// Whether their source replaces them by itself before they end, as AWS does for roles of containers and
  /// instances, 5 minutes before at the latest: asking earlier gives the same again.
  package let areReplaced: Bool

  /// Whether they are a session of which nobody said when it ends.
  package var isOfUnknownEnd: Bool { credentials.sessionToken != nil && credentials.expiresAt == nil }

  /// Credentials from somewhere.
  package init(_ credentials: AWSCredentials, origin: String, areReplaced: Bool = false) {
    self.credentials = credentials
    self.origin = origin
    self.areReplaced = areReplaced
  }
}

/// What a source of credentials says.
package enum SourceFinding: Sendable {
  /// It has some.
  case found(HeldCredentials)
  /// It has none: why, as a sentence without its full stop.
  case absent(String)
}

/// One of the places where credentials can be.
package protocol CredentialSource: Sendable {
  /// Asks the source.
  ///
  /// - Throws: ``S3Error`` when it has credentials that cannot be used: the next source would be another identity than the
  ///   one that was meant. `CancellationError` when the task was cancelled.
  func find() async throws -> SourceFinding
}

extension AccessWorld {
  /// The sources in the order in which they are asked.
  ///
  /// - Parameter profile: a profile that the user named: the environment is left out.
  package func sources(profile: String?) -> [any CredentialSource] {
    let files = SharedFilesSource(world: self, named: profile)
    let machine: [any CredentialSource] = [ContainerSource(world: self), InstanceSource(world: self)]
    return (profile == nil ? [EnvironmentSource(world: self)] : []) + [files] + machine
  }
}

/// `AWS_ACCESS_KEY_ID` and its like.
struct EnvironmentSource: CredentialSource {
  let world: AccessWorld

  func find() async throws -> SourceFinding {
    let id = CredentialTexts.trimmed(world.variable("AWS_ACCESS_KEY_ID"))
    let secret = CredentialTexts.trimmed(world.variable("AWS_SECRET_ACCESS_KEY"))
    guard id != nil || secret != nil else {
      guard world.variable("AWS_WEB_IDENTITY_TOKEN_FILE") == nil || world.variable("AWS_ROLE_ARN") == nil
      else {
        throw S3Error(
          .credentialsInvalid,
          "the environment asks to sign in by web identity ($AWS_WEB_IDENTITY_TOKEN_FILE), which this program does not do",
          remedy: SharedFilesSource.advice("NAME"))
      }
      return .absent("the environment has no $AWS_ACCESS_KEY_ID")
    }
    let texts = CredentialTexts(
      id: ("$AWS_ACCESS_KEY_ID", id), secret: ("$AWS_SECRET_ACCESS_KEY", secret),
      token: ("$AWS_SESSION_TOKEN", world.variable("AWS_SESSION_TOKEN")))
    let end = try expiry()
    guard let credentials = try texts.credentials(until: end) else {
      throw S3Error(
        .credentialsInvalid,
        "the environment has $\(id == nil ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID") and no "
          + "$\(id == nil ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY")",
        remedy: "set both, or neither")
    }
    return .found(HeldCredentials(credentials, origin: "the environment"))
  }

  private func expiry() throws(S3Error) -> Timestamp? {
    guard let text = world.variable("AWS_CREDENTIAL_EXPIRATION") else { return nil }
    guard let moment = LenientTimestamp.parse(text) else {
      throw S3Error(
        .credentialsInvalid,
        "$AWS_CREDENTIAL_EXPIRATION is \(ConfigurationError.quoted(text)), expected a moment such as "
          + "2026-11-26T22:00:00Z")
    }
    return moment
  }
}

/// A profile of AWS's shared files: a key pair, or a program that prints one.
struct SharedFilesSource: CredentialSource {
  /// How long such a program may take: it may ask another machine, but nobody.
  private static let processLimit: Duration = .seconds(60)

  let world: AccessWorld
  /// The profile that the user named; else the environment may name one.
  let named: String?

  /// The profile that the environment names.
  static func variable(_ world: AccessWorld) -> String? {
    world.variable("AWS_PROFILE") ?? world.variable("AWS_DEFAULT_PROFILE")
  }

  /// How a profile comes to credentials in a way that this program does not do itself.
  static func advice(_ profile: String) -> Remedy {
    let shown = VisibleText.escape(profile, cutAt: 60)
    return
      """
      add a profile with the line "credential_process = aws configure export-credentials --profile \(shown)" to \
      ~/.aws/config, and name it with --aws-profile
      """
  }

  func find() async throws -> SourceFinding {
    let files = try await SharedFiles(world)
    let variable = Self.variable(world)
    let name = named ?? variable ?? "default"
    let places = files.paths.map { VisibleText.escape($0, cutAt: 200) }.joined(separator: " or ")
    let shown = "profile \(ConfigurationError.quoted(name))"
    guard let profile = try files.profile(name) else {
      let sentence =
        places.isEmpty
        ? "$HOME is not set, so that there is no \(shown)" : "there is no \(shown) in \(places)"
      guard named != nil || variable != nil else { return .absent(sentence) }
      throw S3Error(
        .credentialsMissing,
        "\(sentence), although \(named != nil ? "--aws-profile" : "$AWS_PROFILE") names it",
        remedy: "check the name; `aws configure list-profiles` lists the profiles")
    }
    func refuse(_ properties: String...) throws(S3Error) {
      guard let property = properties.first(where: { profile.property($0) != nil }) else { return }
      throw S3Error(
        .credentialsInvalid, "\(shown) signs in by \(property), which this program does not do",
        remedy: Self.advice(name))
    }
    func held(_ pair: CredentialTexts) throws -> SourceFinding {
      guard let credentials = try pair.credentials() else {
        let isWithoutID = CredentialTexts.trimmed(pair.id.text) == nil
        throw S3Error(
          .credentialsInvalid,
          "\(shown) has no \(isWithoutID ? "aws_access_key_id" : "aws_secret_access_key")",
          remedy: "`aws configure --profile \(VisibleText.escape(name, cutAt: 60))` asks for both")
      }
      return .found(HeldCredentials(credentials, origin: "\(shown) of \(places)"))
    }
    // In the order of the AWS CLI: what comes later would be another identity.
    try refuse("role_arn", "web_identity_token_file", "sso_session", "sso_start_url")
    if let pair = profile.pair(shown) { return try held(pair) }
    try refuse("login_session")
    if let command = profile.property("credential_process") {
      return .found(try await run(command, of: shown))
    }
    if let pair = profile.lastPair(shown) { return try held(pair) }
    // A profile may be there for its region alone, and the machine have the credentials.
    return .absent("\(shown) has neither a key pair nor credential_process")
  }

  private func run(_ command: String, of profile: String) async throws -> HeldCredentials {
    func refuse(_ what: String) -> S3Error {
      S3Error(
        .credentialsInvalid, "credential_process of \(profile) \(what)",
        remedy:
          "run the command by hand; it has to print one JSON object with Version, AccessKeyId and SecretAccessKey"
      )
    }
    guard let words = CommandWords.split(command), !words.isEmpty else {
      throw refuse("is no command: a quote is not closed, or it is empty")
    }
    let ended: ChildOutput
    do {
      ended = try await TimeLimit.run(Self.processLimit, clock: world.clock) { [world] in
        try await world.run(words)
      }
    } catch let error as ChildNotStarted {
      throw refuse("could not be run: \(VisibleText.escape(error.reason, cutAt: 200))")
    } catch is AccessFault {
      throw refuse("did not end within 60 s")
    }
    guard ended.status == 0 else {
      // What it says of itself is what helps, for example that a session has ended.
      let text = String(decoding: ended.errors.suffix(4_096), as: UTF8.self)
      let line = text.split(whereSeparator: \.isNewline).last { !$0.allSatisfy(\.isWhitespace) } ?? ""
      let said = line.isEmpty ? "" : ": \(VisibleText.escape(String(line), cutAt: 200))"
      throw refuse("ended with status \(ended.status)\(said)")
    }
    guard let answer = ProvidedCredentials.decode(ended.output) else {
      throw refuse("printed no such JSON object")
    }
    guard answer.Version == 1 else { throw refuse("printed another Version than 1") }
    let origin = "credential_process of \(profile)"
    guard let credentials = try answer.credentials(token: ("SessionToken", answer.SessionToken), of: origin)
    else {
      throw refuse("printed no AccessKeyId, no SecretAccessKey, or an Expiration that is no moment")
    }
    return HeldCredentials(credentials, origin: origin)
  }
}

/// The JSON object in which programs and metadata services give credentials.
struct ProvidedCredentials: Decodable {
  // swift-format-ignore: AlwaysUseLowerCamelCase
  var Version: Int?
  // swift-format-ignore: AlwaysUseLowerCamelCase
  var AccessKeyId: String?
  // swift-format-ignore: AlwaysUseLowerCamelCase
  var SecretAccessKey: String?
  // swift-format-ignore: AlwaysUseLowerCamelCase
  var SessionToken: String?
  // swift-format-ignore: AlwaysUseLowerCamelCase
  var Token: String?
  // swift-format-ignore: AlwaysUseLowerCamelCase
  var Expiration: String?
  // swift-format-ignore: AlwaysUseLowerCamelCase
  var Code: String?

  /// The object in these bytes; `nil` when there is none. What is wrong is not told: the text may have a secret in it.
  static func decode(_ bytes: [UInt8]) -> ProvidedCredentials? {
    do { return try JSONDecoder().decode(Self.self, from: Data(bytes)) } catch { return nil }
  }

  /// The credentials; `nil` when a part is missing.
  ///
  /// - Parameters:
  ///   - token: the member that the token is in: sources call it differently.
  ///   - origin: where they are from, for messages.
  func credentials(token: CredentialTexts.Part, of origin: String) throws(S3Error) -> AWSCredentials? {
    var expiresAt: Timestamp?
    if let text = Expiration, !text.isEmpty {
      guard let moment = LenientTimestamp.parse(text) else { return nil }
      expiresAt = moment
    }
    return try CredentialTexts(
      id: ("AccessKeyId of \(origin)", AccessKeyId),
      secret: ("SecretAccessKey of \(origin)", SecretAccessKey),
      token: ("\(token.name) of \(origin)", token.text)
    ).credentials(until: expiresAt)
  }
}
