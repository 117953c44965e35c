import BatchDomain
import S3Access
import S3Signing
import TestSupport
import Testing
import TransferSimulator

/// Against the small S3 of the simulator, which recomputes signatures with nothing of this code.
@Suite("Against a small S3", .timeLimit(.minutes(5)))
struct StandInTests {
  /// The small S3 with those buckets, and access to it.
  private func stage(
    _ buckets: [SyntheticBucket], _ configure: (inout ObjectStoreConfiguration) -> Void = { _ in },
    faults: [String] = [], settings change: (inout ObjectAccess) -> Void = { _ in },
    variables: [String: String] = [:], clock: any BatchClock = RealTime()
  ) async throws -> (server: SimulatorServer, access: S3Access) {
    var configuration = SimulatorConfiguration()
    var objects = ObjectStoreConfiguration()
    objects.buckets = buckets
    configure(&objects)
    configuration.objects = objects
    configuration.faults = try faults.map { try FaultRule(text: $0) }
    let server = try await SimulatorServer.start(configuration)
    var settings = ObjectAccess()
    settings.endpoint = server.address
    change(&settings)
    let access = try await S3Access.open(
      settings, environment: keyVariables.merging(variables) { $1 }, userAgent: "orchestrate/test",
      clock: clock,
      random: SeededRandom(seed: 1))
    return (server, access)
  }

  private func keys(
    _ access: S3Access, _ bucket: String, prefix: String = "", startAfter: [UInt8]? = nil
  ) async throws -> [[UInt8]] {
    var keys: [[UInt8]] = []
    for try await page in access.listing.pages(
      bucket: bucket, prefix: Array(prefix.utf8), startAfter: startAfter)
    {
      keys += page.objects.map(\.key)
    }
    return keys
  }

  @Test(
    "a bucket is listed whole, in order and byte by byte, however spaces are spelt", arguments: [false, true])
  func listing(spaceAsPercent: Bool) async throws {
    let odd = [
      "a b+c.mp4", "a//b.mp4", "ü–片.mp4", "e\u{301}.mp4", "\u{e9}.mp4", "t\t.mp4", "x<&>\".mp4", "folder/",
    ]
    let (server, access) = try await stage(
      [SyntheticBucket("media.west", count: 2_500, objects: odd.map { SyntheticBucket.Object($0) })],
      { $0.encodesSpaceAsPercent = spaceAsPercent })
    let all = try await keys(access, "media.west")
    #expect(all.count == 2_500 + odd.count)
    #expect(zip(all, all.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    for key in odd { #expect(all.contains(Array(key.utf8)), "\(key)") }
    #expect(try await keys(access, "media.west", startAfter: all[1_999]) == Array(all[2_000...]))
    #expect(try await keys(access, "media.west", prefix: "a ") == [Array("a b+c.mp4".utf8)])
    await access.shutdown()
    await server.stop()
  }

  @Test(
    "a bucket in another region is found, whichever way the wrong one is answered",
    arguments: ["301", "307", "400"])
  func regions(answer: String) async throws {
    let (server, access) = try await stage(
      [SyntheticBucket("far", region: "eu-south-2", count: 3)],
      { $0.wrongRegion = ObjectStoreConfiguration.WrongRegion(rawValue: answer) ?? .badRequest },
      settings: { $0.region = "us-east-1" })
    let found = try await keys(access, "far")
    #expect(found.count == 3)
    _ = try await access.client.check(bucket: "far", key: try #require(found.first))
    await access.shutdown()
    await server.stop()
  }

  /// What comes of one request without a signature of its own, over a connection of its own: one that is kept may be
  /// closed by the server at the moment it is used again.
  private func fetch(_ method: String, _ url: String) async throws -> AccessAnswer {
    let transport = HTTPAccessTransport(userAgent: "fetcher", clock: RealTime())
    // A transport sends once; on a machine where hundreds of tests connect at a time, a connection may break.
    for _ in 0..<2 {
      do {
        return try await transport.send(AccessRequest(method, url), limit: 10)
      } catch AccessFault.notConnected { continue }
    }
    return try await transport.send(AccessRequest(method, url), limit: 10)
  }

  @Test("a signed URL works for GET and not for HEAD, and not for another key")
  func url() async throws {
    let key = "night 1/a+b=c&d~e/ü–片/01 (final).mp4"
    let (server, access) = try await stage(
      [SyntheticBucket("media-west", objects: [SyntheticBucket.Object(key, content: [1, 2, 3])])],
      settings: { $0.urlLifetime = .seconds(600) })
    let url = try await access.urls.signedURL(for: ObjectName("s3://media-west/\(key)")).text
    #expect(try await fetch("GET", url).body == [1, 2, 3])
    #expect(try await fetch("HEAD", url).status == 403)
    #expect(try await fetch("GET", url.replacing("01", with: "02")).status == 403)
    await access.shutdown()
    await server.stop()
  }

  @Test("metadata, parts and refusals")
  func objects() async throws {
    let large = SyntheticBucket.Object("large.bin", size: 20_000_000)
    var bucket = SyntheticBucket(
      "media",
      objects: [
        large, SyntheticBucket.Object("old.mp4", storageClass: "GLACIER"), SyntheticBucket.Object("x/1"),
      ])
    bucket.deniedPrefixes = ["x/"]
    let (server, access) = try await stage([bucket])
    let head = try await access.client.check(bucket: "media", key: Array("large.bin".utf8))
    #expect(head.size == 20_000_000 && head.date != nil)
    var count = 0
    for try await part in access.listing.bytes(bucket: "media", key: Array("large.bin".utf8)) {
      count += part.count
    }
    #expect(count == 20_000_000)
    func code(_ bucket: String, _ key: String) async -> S3Error.Code? {
      await error { try await access.client.check(bucket: bucket, key: Array(key.utf8)) }?.code
    }
    #expect(await code("media", "old.mp4") == .objectArchived)
    #expect(await code("media", "x/1") == .accessDenied)
    #expect(await code("media", "nothing") == .objectMissing)
    #expect(await error { try await keys(access, "nowhere") }?.code == .bucketMissing)
    await access.shutdown()
    let (other, stranger) = try await stage([bucket], variables: ["AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"])
    let unknown = await error {
      try await stranger.client.check(bucket: "media", key: Array("large.bin".utf8))
    }
    #expect(unknown?.kind == .credentials && unknown?.message.contains("InvalidAccessKeyId") == true)
    await stranger.shutdown()
    let (third, forger) = try await stage([bucket], variables: ["AWS_SECRET_ACCESS_KEY": "another"])
    let forged = await error { try await forger.client.check(bucket: "media", key: Array("large.bin".utf8)) }
    #expect(forged?.message.contains("SignatureDoesNotMatch") == true)
    await forger.shutdown()
    for server in [server, other, third] { await server.stop() }
  }

  @Test("requester pays in headers and in URLs")
  func requesterPays() async throws {
    var bucket = SyntheticBucket("media", objects: [SyntheticBucket.Object("a", content: [7])])
    bucket.requesterPays = true
    let (server, access) = try await stage([bucket])
    #expect(await error { try await access.client.check(bucket: "media", key: [97]) }?.code == .accessDenied)
    let (other, payer) = try await stage([bucket], settings: { $0.requestPayer = .requester })
    #expect(try await payer.client.check(bucket: "media", key: [97]).size == 1)
    #expect(try await keys(payer, "media") == [[97]])
    let url = try await payer.urls.signedURL(for: "s3://media/a").text
    #expect(try await fetch("GET", url).body == [7])
    for access in [access, payer] { await access.shutdown() }
    for server in [server, other] { await server.stop() }
  }
}

/// The machine's time.
private struct RealTime: BatchClock {
  private let start = ContinuousClock.now

  func now() -> Timestamp { Timestamp(milliseconds: SystemSimulatorClock().now) }
  func elapsed() -> Duration { ContinuousClock.now - start }
  func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}
