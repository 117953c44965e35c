import Foundation
import Testing

@testable import TransferSimulator

/// What the small S3 lets in.
struct SignatureTests {
  /// Known answers, computed with botocore; the first is AWS's own example.
  struct Known: Sendable {
    var method = "GET"
    let host: String
    let path: String
    var region = "us-west-2"
    var time = "20261126T220000Z"
    var life = 43200
    var more = ""
    let signature: String

    var request: SimulatedRequest {
      let query =
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F\(time.prefix(8))%2F\(region)"
        + "%2Fs3%2Faws4_request&X-Amz-Date=\(time)&X-Amz-Expires=\(life)&X-Amz-SignedHeaders=host\(more)"
        + "&X-Amz-Signature=\(signature)"
      return SimulatedRequest(method: method, target: "\(path)?\(query)", headers: ["host": host])
    }
  }

  static let west = "media-west.s3.us-west-2.amazonaws.com"
  static let odd = "/night%201/a%2Bb%3Dc%26d~e/%C3%BC%E2%80%93%E7%89%87/01%20%28final%29.mp4"
  static let known = [
    Known(
      host: "examplebucket.s3.amazonaws.com", path: "/test.txt", region: "us-east-1",
      time: "20130524T000000Z",
      life: 86400, signature: "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
    Known(
      host: west, path: odd, signature: "db4b3ca4dd9f204222cb08317913f99f53b4ca50cefc55a9c7b7b22219cc006c"),
    Known(
      host: west, path: odd, more: "&X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE%2Ftoken%2Bwith%3Dsigns",
      signature: "f374ef12501e2766e855cec2abc31fae1f1a1b5efe4aaee01751124f0b0d3236"),
    Known(
      host: "s3.us-west-2.amazonaws.com", path: "/media.west/a//b/01.mp4", life: 604_800,
      signature: "441095ff733b1f26db9b05a9959f8c102a52c6cc54f82955672e04a6e72c0be5"),
    Known(
      host: west, path: "/a/01.mp4",
      signature: "ca97127ded9587c22a2f08b1ed9f557f1f4622914558e79483047a974cf2248c"),
    Known(
      method: "HEAD", host: west, path: "/a/01.mp4",
      signature: "a262c74194e32ad0060211c4efc43b4dd9480f75b4182a851c3e27d0e41f5c5d"),
    Known(
      host: west, path: "/a/01.mp4", more: "&x-amz-request-payer=requester",
      signature: "724f20c2a283293a5c38cb915c6ebfcc93f622ad656f7e839a23bba65efc9955"),
  ]

  private func probe(token: String? = nil) -> S3Probe {
    S3Probe { _, objects in
      objects.buckets = ["media-west", "media.west", "examplebucket"].map {
        var bucket = SyntheticBucket($0, region: $0 == "examplebucket" ? "us-east-1" : "us-west-2")
        bucket.holdsEveryKey = true
        return bucket
      }
      objects.credentials[0].sessionToken = token
    }
  }

  @Test(arguments: known.indices)
  func knownAnswersAreLetIn(position: Int) throws {
    let known = SignatureTests.known[position]
    let probe = probe(token: known.more.contains("Token") ? "FwoGZXIvYXdzEXAMPLE/token+with=signs" : nil)
    let now = try #require(TimeText.milliseconds(compact: known.time))
    #expect(probe.store.answer(known.request, at: now).status == 200)
    var other = known.request
    other.method = known.method == "GET" ? "HEAD" : "GET"
    #expect(probe.store.answer(other, at: now).status == 403)
    other = known.request
    other.target = other.target.replacing("/", with: "/x", maxReplacements: 1)
    let answer = probe.store.answer(other, at: now)
    #expect(answer.status == (known.path.hasPrefix("/media.west") ? 404 : 403))
  }

  @Test func knownListingIsLetIn() {
    let probe = probe()
    let target =
      "/?list-type=2&max-keys=1000&encoding-type=url&prefix=night%201%2F"
      + "&continuation-token=1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J%2Fwm36Hy4vbOwM%3D"
    let headers = [
      "host": SignatureTests.west, "x-amz-date": "20261126T220000Z",
      "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261126/us-west-2/s3/aws4_request, "
        + "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
        + "Signature=629b15b9f5855c6af22ccd222a9433707941be5e675ec0e5a3a4ffa112f53a9e",
    ]
    // The token is not one of ours; that is seen after the signature.
    let answer = probe.store.answer(
      SimulatedRequest(method: "GET", target: target, headers: headers), at: S3Probe.now)
    #expect(answer.text.contains("continuation token"))
  }

  @Test func urlsEndWithTheirLife() throws {
    var probe = probe()
    let target = try probe.presigned("/media-west/a.mp4", life: 60)
    probe.now += 59_999
    #expect(probe.send(target).status == 200)
    probe.now += 1
    let expired = probe.send(target)
    #expect(expired.status == 403)
    #expect(S3Probe.code(expired) == "AccessDenied")
    #expect(expired.text.contains("Request has expired"))
    let week = try probe.presigned("/media-west/a.mp4", life: 604_800)
    #expect(probe.send(week).status == 200)
    #expect(probe.send(week.replacing("604800", with: "604801")).status == 400)
    #expect(probe.send(try probe.presigned("/media-west/a.mp4", at: probe.now + 16 * 60_000)).status == 403)
  }

  @Test func headOnAURLForGETIsRefused() throws {
    let probe = probe()
    let target = try probe.presigned("/media-west/a.mp4")
    let refused = probe.send(target, method: "HEAD")
    #expect(refused.status == 403)
    #expect(refused.body.isEmpty)
    #expect(
      probe.send(try probe.presigned("/media-west/a.mp4", method: "HEAD"), method: "HEAD").status == 200)
  }

  @Test func clockMayBeOffByAQuarterOfAnHour() throws {
    let probe = probe()
    for (minutes, status) in [(-16, 403), (-14, 200), (14, 200), (16, 403)] {
      let request = try probe.signed("/media-west/a.mp4", at: probe.now + Int64(minutes) * 60_000)
      let answer = probe.store.answer(request, at: probe.now)
      #expect(answer.status == status)
      if status == 403 { #expect(S3Probe.code(answer) == "RequestTimeTooSkewed") }
    }
  }

  @Test func credentialsAreRefusedByName() throws {
    var probe = probe(token: "token")
    #expect(S3Probe.code(try probe.get("/media-west/a.mp4")) == "InvalidAccessKeyId")
    probe.credentials.sessionToken = "token"
    #expect(try probe.get("/media-west/a.mp4").status == 200)
    probe.credentials.accessKeyID = "AKIDNOBODY"
    #expect(S3Probe.code(try probe.get("/media-west/a.mp4")) == "InvalidAccessKeyId")
    probe.credentials = .example
    probe.credentials.sessionToken = "token"
    probe.credentials.secret = "other"
    #expect(S3Probe.code(try probe.get("/media-west/a.mp4")) == "SignatureDoesNotMatch")
    let ended = S3Probe { _, objects in
      objects.buckets = [SyntheticBucket("media-west")]
      objects.credentials[0].expiresAt = S3Probe.now
    }
    let expired = try ended.get("/media-west/a.mp4")
    #expect(expired.status == 400)
    #expect(S3Probe.code(expired) == "ExpiredToken")
  }

  @Test(arguments: ObjectStoreConfiguration.WrongRegion.allCases)
  func wrongRegionIsToldTheRightOne(form: ObjectStoreConfiguration.WrongRegion) throws {
    var probe = S3Probe { _, objects in
      objects.buckets = [SyntheticBucket("media-west")]
      objects.wrongRegion = form
    }
    probe.region = "us-east-1"
    let answer = try probe.get("/media-west?list-type=2")
    #expect(answer.status == Int(form.rawValue))
    #expect(answer.header("x-amz-bucket-region") == "us-west-2")
    #expect((answer.header("Location") != nil) == (form == .temporaryRedirect))
    probe.region = "us-west-2"
    #expect(try probe.get("/media-west?list-type=2").status == 200)
    let elsewhere = probe.send(
      try probe.presigned("/a.mp4", host: "media-west.s3.eu-central-1.amazonaws.com"),
      host: "media-west.s3.eu-central-1.amazonaws.com")
    #expect(elsewhere.status == Int(form.rawValue))
  }

  @Test func unsignedHeadTellsTheRegion() {
    let probe = probe()
    let head = probe.send("/media-west", method: "HEAD")
    #expect(head.status == 403)
    #expect(head.header("x-amz-bucket-region") == "us-west-2")
    #expect(
      probe.send("/media-west", method: "HEAD", host: "s3.us-east-1.amazonaws.com").header(
        "x-amz-bucket-region") == "us-west-2")
    #expect(probe.send("/nobody", method: "HEAD").status == 404)
    #expect(S3Probe.code(probe.send("/nobody?list-type=2")) == "NoSuchBucket")
    #expect(S3Probe.code(probe.send("/media-west?list-type=2")) == "AccessDenied")
  }

  @Test func objectsMayBeRefused() throws {
    var bucket = SyntheticBucket(
      "media-west",
      objects: [
        .init("cold.mp4", storageClass: "GLACIER"), .init("frozen.mp4", storageClass: "DEEP_ARCHIVE"),
        .init("slow.mp4", storageClass: "GLACIER_IR"), .init("secret/a.mp4"),
      ])
    bucket.deniedPrefixes = ["secret/"]
    let probe = S3Probe { _, objects in objects.buckets = [bucket] }
    for (key, code) in [
      ("cold.mp4", "InvalidObjectState"), ("frozen.mp4", "InvalidObjectState"), ("slow.mp4", nil),
      ("secret/a.mp4", "AccessDenied"), ("none.mp4", "NoSuchKey"),
    ] as [(String, String?)] {
      #expect(S3Probe.code(try probe.get("/media-west/\(key)")) == code)
    }
    let head = probe.store.answer(try probe.signed("/media-west/cold.mp4", method: "HEAD"), at: probe.now)
    #expect(head.status == 200)
    #expect(head.header("x-amz-storage-class") == "GLACIER")
  }

  @Test func requesterHasToPay() throws {
    var bucket = SyntheticBucket("media-west", objects: [.init("a.mp4")])
    bucket.requesterPays = true
    let probe = S3Probe { _, objects in objects.buckets = [bucket] }
    #expect(probe.send(try probe.presigned("/media-west/a.mp4")).status == 403)
    let paid = try probe.presigned("/media-west/a.mp4", query: [("x-amz-request-payer", "requester")])
    #expect(probe.send(paid).status == 200)
  }
}
