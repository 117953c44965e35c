import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("The key", .timeLimit(.minutes(10)))
struct SecretTests {
  @Test("it appears in no file, no output, no log and no process list, although the service echoes it")
  func nowhere() async throws {
    let scene = try await Scene {
      $0.delay = .milliseconds(100)
      $0.faults = [FaultRule(.unauthorized, from: 5)]
      $0.ledgerFile = nil
    }
    let process = try scene.startSubmit(
      try scene.manifest(100), "--chunk-size", "5", "--concurrency", "2", "--log-level", "trace")
    try await scene.server.ledger.waitFor(transfers: 2)
    let commandLine = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(process.id)/cmdline"))
    let ended = await process.ended()
    #expect(ended.status == 4)
    #expect(ended.diagnostics.contains("[removed]"), "the service's echo never came: \(ended.diagnostics)")
    let report = try await scene.orchestrate("report", "latest")
    let document = try await scene.orchestrate("report", "latest", "--format", "json")
    _ = try await scene.orchestrate(
      "doctor", "--base-url", scene.server.address, "--bundle", scene.folder.file("bundle.json"))
    let told = try String(contentsOfFile: scene.folder.file("bundle.json"), encoding: .utf8)
    #expect(told.contains("TWELVELABS_API_KEY") && !told.contains("s3://media-west"))
    let key = Data(Scene.key.utf8)
    var places: [(String, Data)] = [
      ("process list", commandLine), ("output", Data(ended.output.utf8)),
      ("diagnostics", Data(ended.diagnostics.utf8)), ("report", Data(report.output.utf8)),
      ("JSON report", Data(document.output.utf8)),
    ]
    for name in try FileManager.default.contentsOfDirectory(atPath: scene.folder.path) {
      places.append((name, try Data(contentsOf: URL(fileURLWithPath: scene.folder.file(name)))))
    }
    #expect(places.map(\.0).contains("orchestrate.db-wal"))
    for (place, data) in places { #expect(data.range(of: key) == nil, "the key is in \(place)") }
    await scene.server.stop()
  }

  @Test(
    "secrets of AWS appear in no output, no file and no process list, and a credential_process gets no API key"
  )
  func credentials() async throws {
    let (secret, token) = ("aWsSeCrEt/0123456789+abcdefghijklmnopqrs", "FwoGZXIvToKeN/with+signs==")
    let scene = try await Scene { configuration in
      var objects = ObjectStoreConfiguration()
      objects.buckets = [SyntheticBucket("media", count: 5)]
      objects.credentials = [
        SimulatedCredentials(accessKeyID: "ASIAEXAMPLE00000KEY1", secret: secret, sessionToken: token)
      ]
      configuration.objects = objects
    }
    let printed =
      #"{"Version":1,"AccessKeyId":"ASIAEXAMPLE00000KEY1","SecretAccessKey":"\#(secret)","SessionToken":"\#(token)"}"#
    let program = try scene.folder.write(
      "#!/bin/sh\nenv > '\(scene.folder.file("seen"))'\ncat '\(scene.folder.path).json'\n", to: "get")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program)
    let answer = URL(fileURLWithPath: scene.folder.path + ".json")
    try Data(printed.utf8).write(to: answer)
    defer { try? FileManager.default.removeItem(at: answer) }
    let config = try scene.folder.write("[profile p]\ncredential_process = \(program)\n", to: "config")
    func list(_ more: String..., variables: [String: String] = [:]) async throws -> OrchestrateProcess.Ending
    {
      try await OrchestrateProcess.run(
        ["list", "s3://media", "--index-id", Scene.index, "--s3-endpoint", scene.server.address] + more,
        environment: scene.environment.merging(["AWS_CONFIG_FILE": config, "PATH": "/usr/bin:/bin"]) { $1 }
          .merging(variables) { $1 })
    }
    let listed = try await list("--aws-profile", "p")
    #expect(listed.status == 0, "\(listed.diagnostics)")
    #expect(listed.output.contains("s3://media/videos/"))
    let seen = try String(contentsOfFile: scene.folder.file("seen"), encoding: .utf8)
    #expect(seen.contains("AWS_CONFIG_FILE") && !seen.contains(Scene.key))
    // A pair that S3 does not know, and a signature that it refuses.
    let pair = ["AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token]
    let unknown = try await list(
      variables: pair.merging(["AWS_ACCESS_KEY_ID": "AKIAUNKNOWN000000000"]) { $1 })
    let wrong = try await list(
      variables: [
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE00000KEY1", "AWS_SECRET_ACCESS_KEY": secret + "x",
        "AWS_SESSION_TOKEN": token,
      ])
    #expect(
      unknown.status == 4 && unknown.diagnostics.contains("InvalidAccessKeyId"), "\(unknown.diagnostics)")
    #expect(wrong.status == 4 && wrong.diagnostics.contains("SignatureDoesNotMatch"), "\(wrong.diagnostics)")
    for ending in [listed, unknown, wrong] {
      for text in [ending.output, ending.diagnostics] {
        #expect(!text.contains(secret) && !text.contains(token) && !text.contains("X-Amz-Signature"))
      }
    }
    for name in try FileManager.default.contentsOfDirectory(atPath: scene.folder.path) {
      let data = try Data(contentsOf: URL(fileURLWithPath: scene.folder.file(name)))
      #expect(data.range(of: Data(secret.utf8)) == nil && data.range(of: Data(token.utf8)) == nil, "\(name)")
    }
    let none = try await list(variables: ["AWS_EC2_METADATA_DISABLED": "true"])
    #expect(
      none.status == 2 && none.diagnostics.contains("no AWS credentials were found"), "\(none.diagnostics)")
    await scene.server.stop()
  }

  @Test("signed URLs that the service repeats are cleaned before anything is stored or shown")
  func repeatedURLs() async throws {
    let (secret, token) = ("aWsSeCrEt/0123456789+abcdefghijklmnopqrs", "FwoGZXIvToKeN/with+signs==")
    let scene = try await Scene { configuration in
      configuration.assets = AssetsConfiguration()
      configuration.assets?.repeatsURLs = true
      configuration.taskStep = .milliseconds(20)
      configuration.faults = try ["upload/unsupported@3", "upload/fails@4"].map { try FaultRule(text: $0) }
      var objects = ObjectStoreConfiguration()
      objects.buckets = [SyntheticBucket("media", count: 5)]
      objects.credentials = [
        SimulatedCredentials(accessKeyID: "ASIAEXAMPLE00000KEY1", secret: secret, sessionToken: token)
      ]
      configuration.objects = objects
    }
    let environment = scene.environment.merging([
      "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE00000KEY1", "AWS_SECRET_ACCESS_KEY": secret,
      "AWS_SESSION_TOKEN": token,
      "AWS_ENDPOINT_URL_S3": scene.server.address,
    ]) { $1 }
    func run(_ arguments: String..., input: String? = nil) async throws -> OrchestrateProcess.Ending {
      try await OrchestrateProcess.run(arguments, environment: environment, input: input)
    }
    let manifest = try await run("list", "s3://media", "--index-id", Scene.index)
    let process = try OrchestrateProcess(
      [
        "submit", try scene.folder.write(manifest.output, to: "list.json"), "--profile", "v1.3",
        "--max-failures", "100%",
        "--log-level", "trace",
      ]
        + ["--events", scene.folder.file("events")] + scene.here,
      environment: environment)
    let ended = await process.ended()
    #expect(ended.status == 1, "\(ended.diagnostics)\(ended.output)")
    var places = [("output", ended.output), ("diagnostics", ended.diagnostics)]
    for options in [
      ["--format", "json"], ["--items", "--format", "json"], ["--attempts", "--format", "csv"],
      ["--format", "html"],
    ] {
      let report = try await OrchestrateProcess.run(["report", "latest"] + options, environment: environment)
      #expect(report.status == 0, "\(report.diagnostics)")
      places.append(("report \(options)", report.output))
    }
    let bundle = scene.folder.file("bundle.json")
    let doctor = try await OrchestrateProcess.run(
      ["doctor", "--profile", "v1.3", "--base-url", scene.server.address, "--bundle", bundle],
      environment: environment)
    places.append(("doctor", doctor.output + doctor.diagnostics))
    let told = try json(try String(contentsOfFile: bundle, encoding: .utf8))
    let runs = try #require(told["runs"] as? [[String: Any]])
    #expect((runs.first?["last_attempts"] as? [Any])?.isEmpty == false)
    #expect((runs.first?["causes"] as? [Any])?.isEmpty == false)
    for name in try FileManager.default.contentsOfDirectory(atPath: scene.folder.path) {
      let data = try Data(contentsOf: URL(fileURLWithPath: scene.folder.file(name)))
      places.append((name, String(decoding: data, as: UTF8.self)))
    }
    #expect(places.contains { $0.1.contains("X-Amz-Signature=[removed]") }, "the service's echo never came")
    for (place, text) in places {
      let signature = text.firstMatch(of: /X-Amz-Signature=[0-9a-f]/.ignoresCase())
      #expect(signature == nil, "a signature is in \(place)")
      for part in [secret, token, "FwoGZXIv", "aWsSeCrEt", Scene.key] {
        #expect(!text.contains(part), "\(part) is in \(place)")
      }
    }
    await scene.server.stop()
  }

  @Test("a file may hold it")
  func keyFile() async throws {
    let scene = try await Scene()
    let file = try scene.folder.write(Scene.key + "\n", to: "key")
    let ended = try await OrchestrateProcess.run(
      ["submit", try scene.manifest(4), "--api-key-file", file] + scene.here,
      environment: ["ORCHESTRATE_DB": scene.database])
    #expect(ended.status == 0, "\(ended.diagnostics)")
    await scene.server.stop()
  }
}
