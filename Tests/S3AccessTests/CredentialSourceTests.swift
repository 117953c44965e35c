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
    #expect(shared.profile("two words")?.property("region") == "eu-west-3")
    #expect(shared.profile("sso-session three") == nil)
    #expect(shared.profile("default")?.property("s3")?.contains("max_concurrent") == true)
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
      ("[default]\ns3cret\n", 2), ("a = s3cret\n", 1), ("\n\n[default\n", 3), ("[x]\n= s3cret\n", 2),
    ] {
      let problem = await error { try await find(world(Self.home, files: [Self.credentialsFile: text])) }
      #expect(problem?.code == .credentialsInvalid)
      #expect(problem?.message.hasPrefix("line \(line) of /home/me/.aws/credentials") == true, "\(text)")
      #expect(problem?.description.contains("s3cret") == false)
    }
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

@Suite("Credentials that are kept", .timeLimit(.minutes(2)))
struct CredentialProviderTests {
  @Test("credentials without an end are asked for once")
  func forEver() async throws {
    let source = ScriptedSource(ScriptedSource.found("A", until: nil))
    let clock = HurryingClock()
    let provider = CredentialProvider([source], clock: clock)
    for _ in 0..<3 {
      _ = try await provider.current()
      clock.pass(.seconds(86_400))
    }
    #expect(source.asked == 1)
  }

  @Test(
    "those that end are renewed 15 minutes before, from the source they are from, and their secrets are told first"
  )
  func renewed() async throws {
    let first = ScriptedSource(.success(.absent("nothing here")))
    let source = ScriptedSource(
      ScriptedSource.found("A", until: evening + .seconds(3_600)),
      ScriptedSource.found("B", until: evening + .seconds(7_200)))
    let clock = HurryingClock()
    let told = Told()
    let provider = CredentialProvider([first, source], clock: clock) { told.add($0) }
    #expect(try await provider.current().credentials.accessKeyID == "A")
    clock.pass(.seconds(45 * 60))
    #expect(try await provider.current().credentials.accessKeyID == "A")
    clock.pass(.seconds(1))
    #expect(try await provider.current().credentials.accessKeyID == "B")
    #expect(first.asked == 1 && source.asked == 2)
    #expect(told.all == [secret, "t-A", secret, "t-B"])
  }

  @Test("what cannot be renewed is used until its end, and asked for at most once a minute")
  func notRenewed() async throws {
    let source = ScriptedSource(
      ScriptedSource.found("A", until: evening + .seconds(1_000)),
      .failure(S3Error(.credentialsInvalid, "no luck")))
    let clock = HurryingClock()
    let provider = CredentialProvider([source], clock: clock)
    _ = try await provider.current()
    clock.pass(.seconds(500))
    for _ in 0..<5 { #expect(try await provider.current().credentials.accessKeyID == "A") }
    #expect(source.asked == 2)
    clock.pass(.seconds(60))
    _ = try await provider.current()
    #expect(source.asked == 3)
    clock.pass(.seconds(440))
    let problem = await error { try await provider.current() }
    #expect(problem?.code == .credentialsEnding)
    #expect(problem?.message == "the credentials from the test have ended, and were not renewed: no luck")
  }

  @Test("whoever comes while a source is asked waits for the same answer")
  func shared() async throws {
    let source = ScriptedSource(ScriptedSource.found("A", until: nil))
    let provider = CredentialProvider([source], clock: HurryingClock())
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<50 { group.addTask { _ = await error { try await provider.current() } } }
    }
    #expect(source.asked == 1)
  }

  @Test("a session that was refused is renewed once; the same again is an error")
  func refused() async throws {
    let source = ScriptedSource(ScriptedSource.found("A", until: nil), ScriptedSource.found("B", until: nil))
    let provider = CredentialProvider([source], clock: HurryingClock())
    let first = try await provider.current().credentials
    #expect(try await provider.renew(insteadOf: first).credentials.accessKeyID == "B")
    // Another request that was refused meanwhile has nothing left to renew.
    #expect(try await provider.renew(insteadOf: first).credentials.accessKeyID == "B")
    #expect(source.asked == 2)
    let second = try await provider.current().credentials
    let problem = await error { try await provider.renew(insteadOf: second) }
    #expect(problem?.code == .credentialsRefused)
  }
}
