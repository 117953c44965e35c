import BatchDomain
import ChildProcesses
import S3Signing
import TestSupport
import Testing

@testable import S3Access

@Suite("Sources of credentials", .timeLimit(.minutes(2)))
struct CredentialSourceTests {
  private static let home = ["HOME": "/home/me"]
  private static let credentialsFile = "/home/me/.aws/credentials"
  private static let configFile = "/home/me/.aws/config"

  /// Asks the sources of a world until one has credentials.
  private func find(_ world: AccessWorld, profile: String? = nil) async throws -> HeldCredentials {
    try await CredentialProvider(world.sources(profile: profile), clock: HurryingClock()).current()
  }

  @Test("the environment comes first, with its token and its end")
  func environment() async throws {
    let variables = keyVariables.merging([
      "AWS_SESSION_TOKEN": "tok", "AWS_CREDENTIAL_EXPIRATION": "2026-11-27T01:02:03+00:00",
      "HOME": "/home/me",
    ]) { $1 }
    let files = [Self.credentialsFile: "[default]\naws_access_key_id=A\naws_secret_access_key=B\n"]
    let found = try await find(world(variables, files: files))
    #expect(found.origin == "the environment")
    #expect(found.credentials.accessKeyID == keyID && found.credentials.sessionToken == "tok")
    #expect(found.credentials.expiresAt?.description == "2026-11-27T01:02:03.000Z")
  }

  @Test("a profile that the user names leaves the environment out; one that the environment names does not")
  func named() async throws {
    let files = [Self.credentialsFile: "[p]\naws_access_key_id=A\naws_secret_access_key=B\n"]
    let variables = keyVariables.merging(Self.home) { $1 }
    let found = try await find(world(variables, files: files), profile: "p")
    #expect(found.credentials.accessKeyID == "A")
    #expect(found.origin.hasPrefix("profile \"p\" of /home/me/.aws/credentials"))
    let other = try await find(world(variables.merging(["AWS_PROFILE": "p"]) { $1 }, files: files))
    #expect(other.credentials.accessKeyID == keyID)
    let alone = try await find(world(Self.home.merging(["AWS_PROFILE": "p"]) { $1 }, files: files))
    #expect(alone.credentials.accessKeyID == "A")
  }

  @Test("the dialect of the shared files: comments, quotes, nested values, Windows lines, a token")
  func dialect() async throws {
    let credentials = """
      \u{FEFF}# a comment
      [default]\r
      aws_access_key_id = A1 # the old one\r
      aws_secret_access_key=s/+=x\r
      aws_session_token = tok==\r

      ; another
      [two words]
      AWS_ACCESS_KEY_ID=A2
      aws_secret_access_key = two
      """
    let config = """
      [default]
      region = eu-west-1
      s3 =
        max_concurrent_requests = 20
        aws_access_key_id = nested
      [profile "two words"]
      region = eu-west-3
      [profile three]
      aws_access_key_id = A3
      aws_secret_access_key = three
      [three]
      aws_access_key_id = wrong
      [sso-session three]
      aws_access_key_id = wrong
      """
    let files = [Self.credentialsFile: credentials, Self.configFile: config]
    let first = try await find(world(Self.home, files: files)).credentials
    #expect(first.accessKeyID == "A1" && first.secretAccessKey == "s/+=x" && first.sessionToken == "tok==")
    let second = try await find(world(Self.home, files: files), profile: "two words").credentials
    #expect(second.accessKeyID == "A2" && second.sessionToken == nil)
    #expect(try await find(world(Self.home, files: files), profile: "three").credentials.accessKeyID == "A3")
    let shared = try await SharedFiles(world(Self.home, files: files))
    #expect(try shared.profile("two words")?.property("region") == "eu-west-3")
    #expect(try shared.profile("sso-session three") == nil)
    #expect(try shared.profile("default")?.property("s3")?.contains("max_concurrent") == true)
  }

  @Test("other places for the shared files")
  func otherPlaces() async throws {
    let variables = [
      "HOME": "/home/me", "AWS_SHARED_CREDENTIALS_FILE": "~/keys", "AWS_CONFIG_FILE": "/etc/aws",
      "AWS_PROFILE": "p",
    ]
    let files = [
      "/home/me/keys": "[q]\n", "/etc/aws": "[profile p]\naws_access_key_id=A\naws_secret_access_key=B\n",
    ]
    #expect(try await find(world(variables, files: files)).credentials.accessKeyID == "A")
  }

  @Test("a line that cannot be read is named by its number, and not repeated")
  func brokenFile() async {
    for (text, line) in [
      ("[default]\ns3cret\n", 2), ("a = s3cret\n", 1), ("\n\n[default\n", 3), ("[default]\n= s3cret\n", 2),
      ("[x]\n[default]\nregion = r\ns3cret\n", 4), ("[DEFAULT]\ns3cret\n[default]\n", 2),
    ] {
      let problem = await error { try await find(world(Self.home, files: [Self.credentialsFile: text])) }
      #expect(problem?.code == .credentialsInvalid)
      #expect(problem?.message.hasPrefix("line \(line) of /home/me/.aws/credentials") == true, "\(text)")
      #expect(problem?.description.contains("s3cret") == false)
    }
  }

  @Test("a line that cannot be read stops only the profile that it is in")
  func brokenElsewhere() async throws {
    let text = """
      [old]
      s3cret
      [cut
      aws_access_key_id = B
      [default]
      aws_access_key_id = A
      aws_secret_access_key = S
      """
    let files = [
      Self.credentialsFile: text, Self.configFile: "[plugins]\nnothing\n[profile cut]\nregion = r\n",
    ]
    let there = world(Self.home, files: files)
    #expect(try await find(there).credentials.accessKeyID == "A")
    for (profile, line) in [("old", 2), ("cut", 3)] {
      let problem = await error { try await find(there, profile: profile) }
      #expect(problem?.message.hasPrefix("line \(line) of /home/me/.aws/credentials") == true)
    }
  }

  /// What Python's configparser makes of each text was seen with Python 3.11.
  @Test(
    "lines are read as configparser does",
    arguments: [
      ("a: 1\nb : 2\n", ["a": "1", "b": "2"]), ("a=b:c\nd:e=f\n", ["a": "b:c", "d": "e=f"]),
      ("  a = 1\n  b = 2\n", ["a": "1", "b": "2"]), (" a=1\n\tb=2\n", ["a": "1", "b": "2"]),
      ("  a = 1\n   b = 2\n c = 3\n", ["a": "1\nb = 2", "c": "3"]),
      ("a = 1\n # x\n  b = 2\n", ["a": "1\nb = 2"]), ("x =\ny=\n", ["x": "", "y": ""]),
      ("a=1\n [b]\nc=2\n", ["a": "1\n[b]", "c": "2"]), ("x=#1 ; y\n", ["x": "#1 ; y"]),
      ("rem X=1\r\ny=2\rz=3", ["rem x": "1", "y": "2", "z": "3"]), ("\u{0C}x=%1\n", ["x": "%1"]),
      ("[DEFAULT]\na=1\nb=1\n[p] ; it\nb=2\n", ["a": "1", "b": "2"]), ("x=1\u{0B}y=2\n", ["x": "1\u{0B}y=2"]),
    ] as [(String, [String: String])])
  func configparser(text: String, expected: [String: String]) throws {
    let whole = text.hasPrefix("[") ? text : "[p]\n" + text
    let file = try SharedFile(Array(whole.utf8), as: .credentials, path: "f")
    #expect(try file.properties(of: "p") == expected)
  }

  @Test("white space around credentials is no part of them, whichever source they are from")
  func trimmed() async throws {
    let variables = [
      "AWS_ACCESS_KEY_ID": "\(keyID)\n", "AWS_SECRET_ACCESS_KEY": " \(secret)\r\n",
      "AWS_SESSION_TOKEN": "tok\n",
    ]
    let found = try await find(world(variables)).credentials
    #expect(found.accessKeyID == keyID && found.secretAccessKey == secret && found.sessionToken == "tok")
    let blank = try await find(world(keyVariables.merging(["AWS_SESSION_TOKEN": " \n"]) { $1 })).credentials
    #expect(blank.sessionToken == nil)
    let network = FakeTransport { _, _ in
      AccessAnswer(
        status: 200, body: Array(#"{"AccessKeyId":"C\n","SecretAccessKey":"S\n","Token":"T\n"}"#.utf8))
    }
    let container = try await find(world(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"], over: network))
    #expect(container.credentials.accessKeyID == "C" && container.credentials.sessionToken == "T")
  }

  @Test(
    "credentials that can be in no header are refused by the name of their place, and never shown",
    arguments: ["s3c\nret", "s3c ret", "s3c\u{e9}ret", "s3c\u{7F}ret", "s3c\u{0}ret", "s3c\tret"])
  func noHeader(text: String) async {
    func check(_ name: String, _ world: AccessWorld) async {
      let problem = await error { try await find(world) }
      #expect(problem?.kind == .missingCredentials)
      #expect(problem?.message.hasPrefix("\(name) has ") == true, "\(problem?.message ?? "none")")
      #expect(problem?.message.contains("at byte 4") == true)
      #expect(problem?.description.contains("s3c") == false)
    }
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
      await check("$\(name)", world(keyVariables.merging([name: text]) { $1 }))
    }
    let literal = text.unicodeScalars.map {
      "\\u00" + ($0.value < 16 ? "0" : "") + String($0.value, radix: 16)
    }
    .joined()
    let answer = #"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"\#(literal)"}"#
    let config = [Self.configFile: "[default]\ncredential_process = get\n"]
    await check(
      "SecretAccessKey of credential_process of profile \"default\"",
      world(Self.home, files: config, clock: ManualClock()) { _, _ in
        ChildOutput(status: 0, output: Array(answer.utf8), errors: [])
      })
    let network = FakeTransport { request, before in
      let bodies = ["tok", "my-role", answer]
      return AccessAnswer(status: 200, body: Array(bodies[min(before, 2)].utf8))
    }
    await check("SecretAccessKey of the instance's role my-role", world(over: network))
    let one = FakeTransport { _, _ in AccessAnswer(status: 200, body: Array(answer.utf8)) }
    await check(
      "SecretAccessKey of the container's role",
      world(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"], over: one))
    guard !text.contains("\n") else { return }
    let file = "[default]\naws_access_key_id = A\naws_secret_access_key = B\naws_session_token = \(text)\n"
    await check(
      "aws_session_token of profile \"default\"", world(Self.home, files: [Self.credentialsFile: file]))
  }

  @Test(
    "what signs in by a way that is not built is named, with the way that opens it",
    arguments: [
      "role_arn = arn:aws:iam::1:role/r", "sso_start_url = https://x", "sso_session = s", "login_session = l",
    ])
  func notBuilt(line: String) async {
    let config = "[profile p]\n\(line)\naws_access_key_id = A\naws_secret_access_key = B\n"
    let problem = await error {
      try await find(world(Self.home, files: [Self.configFile: config]), profile: "p")
    }
    #expect(problem?.kind == .missingCredentials)
    #expect(problem?.message.contains("signs in by \(line.prefix { $0 != " " })") == true)
    #expect(
      problem?.description.contains("credential_process = aws configure export-credentials --profile p")
        == true)
  }

  @Test("a half of a key pair is no key pair")
  func half() async {
    let environment = await error { try await find(world(["AWS_ACCESS_KEY_ID": "A"])) }
    #expect(environment?.message == "the environment has $AWS_ACCESS_KEY_ID and no $AWS_SECRET_ACCESS_KEY")
    let file = await error {
      try await find(
        world(Self.home, files: [Self.credentialsFile: "[default]\naws_secret_access_key = B\n"]))
    }
    #expect(file?.message == "profile \"default\" has no aws_access_key_id")
    let identity = await error {
      try await find(world(["AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn"]))
    }
    #expect(identity?.message.contains("web identity") == true)
  }

  @Test("a profile that is named and not there stops, and says where it was looked for")
  func missingProfile() async {
    let problem = await error { try await find(world(Self.home), profile: "nope") }
    #expect(problem?.kind == .missingCredentials)
    #expect(
      problem?.message
        == "there is no profile \"nope\" in /home/me/.aws/credentials or /home/me/.aws/config, "
        + "although --aws-profile names it")
  }

  @Test("a profile that is there for its region alone leaves the credentials to the machine")
  func regionAlone() async throws {
    let network = FakeTransport { _, _ in AccessAnswer(status: 200, body: Array(Self.provided.utf8)) }
    let variables = Self.home.merging(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"]) { $1 }
    let there = world(variables, files: [Self.configFile: "[profile p]\nregion = eu-west-1\n"], over: network)
    #expect(try await find(there, profile: "p").origin == "the container's role")
  }

  @Test("without any credentials the error says what was asked")
  func nothing() async {
    let problem = await error { try await find(world(Self.home)) }
    #expect(problem?.code == .credentialsMissing && problem?.kind == .missingCredentials)
    for part in ["$AWS_ACCESS_KEY_ID", "profile \"default\"", "container", "no metadata service"] {
      #expect(problem?.message.contains(part) == true, "\(part)")
    }
    #expect(problem?.remedy?.description.contains("--aws-profile") == true)
  }

  @Test("credential_process is split as a shell does and run without one")
  func process() async throws {
    let config = #"""
      [default]
      credential_process = "/opt/my tools/get" --name 'a "b"' c\ d "$HOME" "x\"y\z"
      """#
    let clock = ManualClock(now: evening)
    let found = try await find(
      world(Self.home, files: [Self.configFile: config], clock: clock) { words, environment in
        #expect(words == ["/opt/my tools/get", "--name", #"a "b""#, "c d", "$HOME", #"x"y\z"#])
        #expect(environment == Self.home)
        let text =
          #"{"Version":1,"AccessKeyId":"P","SecretAccessKey":"S","SessionToken":"T","Expiration":"2026-11-27T00:00:00Z"}"#
        return ChildOutput(status: 0, output: Array(text.utf8), errors: [])
      })
    #expect(found.credentials.accessKeyID == "P" && found.credentials.sessionToken == "T")
    #expect(found.credentials.expiresAt?.description == "2026-11-27T00:00:00.000Z")
    #expect(found.origin == "credential_process of profile \"default\"")
  }

  @Test("a key pair of the credentials file comes before credential_process, one of the other file after it")
  func processBetweenThePairs() async throws {
    let pair = "aws_access_key_id = A\naws_secret_access_key = B\n"
    func held(_ files: [String: String]) async throws -> String {
      try await find(
        world(Self.home, files: files) { _, _ in
          let text = #"{"Version":1,"AccessKeyId":"P","SecretAccessKey":"S"}"#
          return ChildOutput(status: 0, output: Array(text.utf8), errors: [])
        }
      ).credentials.accessKeyID
    }
    let config = "[default]\ncredential_process = get\n"
    #expect(try await held([Self.configFile: config + pair]) == "P")
    #expect(try await held([Self.configFile: config, Self.credentialsFile: "[default]\n" + pair]) == "A")
    #expect(try await held([Self.configFile: "[default]\n" + pair]) == "A")
    // So does one before `aws login`, which is not built.
    let login = "[default]\nlogin_session = l\n"
    #expect(try await held([Self.configFile: login, Self.credentialsFile: "[default]\n" + pair]) == "A")
  }

  @Test(
    "a credential_process that fails says what it said, and never what it printed",
    arguments: [
      (0, #"{"Version":2,"AccessKeyId":"A","SecretAccessKey":"s3cret"}"#, "printed another Version than 1"),
      (0, #"{"Version":1,"AccessKeyId":"A","SecretAccessKey":""}"#, "printed no AccessKeyId"),
      (0, #"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s3cret","Expiration":"soon"}"#, "no moment"),
      (0, "s3cret", "printed no such JSON object"),
      (1, "s3cret", "ended with status 1: the session has ended"),
    ] as [(Int32, String, String)])
  func failedProcess(status: Int32, output: String, expected: String) async {
    let config = "[default]\ncredential_process = get\n"
    let problem = await error {
      try await find(
        world(Self.home, files: [Self.configFile: config], clock: ManualClock()) { _, _ in
          ChildOutput(
            status: status, output: Array(output.utf8), errors: Array("usage\nthe session has ended\n\n".utf8)
          )
        })
    }
    #expect(problem?.message.contains(expected) == true, "\(problem?.message ?? "none")")
    #expect(problem?.description.contains("s3cret") == false)
  }

  @Test("a credential_process that cannot be run, or does not end, is an error")
  func processThatHangs() async {
    let files = [Self.configFile: "[default]\ncredential_process = get --now\n"]
    let missing = await error {
      try await find(
        world(Self.home, files: files, clock: ManualClock()) { words, environment in
          try await ChildProgram(["/nonexistent/get"], environment: environment).output(limit: 10)
        })
    }
    #expect(missing?.message.contains("could not be run: No such file or directory") == true)
    let slow = await error {
      try await find(
        world(Self.home, files: files, clock: HurryingClock()) { _, _ in
          try await Task.sleep(for: .seconds(3_600))
          return ChildOutput(status: 0, output: [], errors: [])
        })
    }
    #expect(slow?.message.contains("did not end within 60 s") == true)
    let quote = await error {
      try await find(world(Self.home, files: [Self.configFile: "[default]\ncredential_process = get 'x\n"]))
    }
    #expect(quote?.message.contains("a quote is not closed") == true)
  }

  private static let provided =
    #"{"AccessKeyId":"C","SecretAccessKey":"S","Token":"T","Expiration":"2026-11-27T03:00:00Z","Code":"Success"}"#

  @Test("a container's credentials, with the token of a file that is read each time")
  func container() async throws {
    let network = FakeTransport { request, _ in AccessAnswer(status: 200, body: Array(Self.provided.utf8)) }
    let relative = try await find(world(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"], over: network))
    #expect(
      relative.credentials.sessionToken == "T" && relative.origin == "the container's role"
        && relative.areReplaced)
    _ = try await find(
      world(
        [
          "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
          "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/token", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "not this",
        ], files: ["/token": "tok\n"], over: network))
    #expect(network.seen.map(\.url) == ["http://169.254.170.2/v2/x", "http://169.254.170.23/v1/credentials"])
    #expect(network.seen.map { $0.header("authorization") } == [nil, "tok"])
    #expect(network.seen.allSatisfy { !$0.mayUseProxy })
  }

  @Test(
    "a container's address is https, this machine, or one of AWS's own",
    arguments: [
      ("http://example.org/x", false), ("https://example.org/x", true), ("http://127.0.0.1:8080/x", true),
      ("http://[fd00:ec2::23]/x", true), ("http://169.254.170.2.evil.example/x", false),
      ("http://169.254.170.2@evil.example/x", false),
    ])
  func containerAddress(url: String, isTaken: Bool) async {
    let network = FakeTransport { request, _ in AccessAnswer(status: 200, body: Array(Self.provided.utf8)) }
    let problem = await error {
      try await find(world(["AWS_CONTAINER_CREDENTIALS_FULL_URI": url], over: network))
    }
    #expect((problem == nil) == isTaken, "\(problem?.message ?? "none")")
    #expect(network.seen.isEmpty != isTaken)
  }

  @Test("a container that does not answer is asked three times, and is no reason to take another identity")
  func containerSilent() async {
    let network = FakeTransport { _, _ in AccessAnswer(status: 503) }
    let problem = await error {
      try await find(world(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"], over: network))
    }
    #expect(problem?.message == "the address of the container's credentials answered 503")
    #expect(network.seen.count == 3)
    let token = await error {
      try await find(
        world([
          "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\r\nb: c",
        ]))
    }
    #expect(token?.message.contains("not one line") == true)
  }

  @Test("the role of an instance, by IMDSv2")
  func instance() async throws {
    let network = FakeTransport { request, _ in
      switch (request.method, request.target) {
      case ("PUT", "/latest/api/token")
      where request.header("x-aws-ec2-metadata-token-ttl-seconds") == "21600":
        return AccessAnswer(status: 200, body: Array("tok".utf8))
      case ("GET", "/latest/meta-data/iam/security-credentials/")
      where request.header("x-aws-ec2-metadata-token") == "tok":
        return AccessAnswer(status: 200, body: Array("my-role\n".utf8))
      case ("GET", "/latest/meta-data/iam/security-credentials/my-role"):
        return AccessAnswer(status: 200, body: Array(Self.provided.utf8))
      default: return AccessAnswer(status: 400)
      }
    }
    let found = try await find(world(over: network))
    #expect(
      found.credentials.accessKeyID == "C" && found.origin == "the instance's role my-role"
        && found.areReplaced)
    #expect(
      network.seen.allSatisfy {
        $0.url.hasPrefix("http://169.254.169.254/") && $0.timeout == .seconds(1) && !$0.mayUseProxy
      })
    let off = FakeTransport.silent
    let problem = await error { try await find(world(["AWS_EC2_METADATA_DISABLED": "True"], over: off)) }
    #expect(problem?.message.contains("turned off by $AWS_EC2_METADATA_DISABLED") == true && off.seen.isEmpty)
  }

  @Test("an instance without a role has no credentials; one whose role cannot be taken is an error")
  func instanceWithoutRole() async {
    func problem(_ last: AccessAnswer, names: Int) async -> S3Error? {
      let network = FakeTransport { request, before in
        if before == 0 { return AccessAnswer(status: 200, body: Array("tok".utf8)) }
        if before == 1 { return AccessAnswer(status: names, body: Array("r".utf8)) }
        return last
      }
      return await error { try await find(world(over: network)) }
    }
    #expect(await problem(AccessAnswer(status: 200), names: 404)?.code == .credentialsMissing)
    let failed = await problem(
      AccessAnswer(status: 200, body: Array(#"{"Code":"AssumeRoleUnauthorizedAccess"}"#.utf8)), names: 200)
    #expect(failed?.message.contains("AssumeRoleUnauthorizedAccess") == true)
  }

  @Test("words are split as a POSIX shell does")
  func words() {
    #expect(CommandWords.split("") == [])
    #expect(CommandWords.split("  a\tb\nc ") == ["a", "b", "c"])
    #expect(CommandWords.split(#"a"b c"'d e'f"#) == ["ab cd ef"])
    #expect(CommandWords.split(#"'' "" \" '\'"#) == ["", "", "\"", "\\"])
    for open in ["'a", "\"a", "a\\"] { #expect(CommandWords.split(open) == nil) }
  }

  @Test("files are read from disk; one that is not there is no error")
  func disk() async throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("text", to: "file")
    #expect(try await AccessFiles.read(path) == Array("text".utf8))
    #expect(try await AccessFiles.read(folder.file("none")) == nil)
    let problem = await error { try await AccessFiles.read(folder.path) }
    #expect(problem?.message.hasSuffix("cannot be read") == true)
  }
}
