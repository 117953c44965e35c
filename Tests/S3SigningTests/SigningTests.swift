import BatchDomain
import S3Signing
import TestSupport
import Testing

@Suite("Signing")
struct SigningTests {
  private let address = S3Address(bucket: "media-west", region: "us-west-2")
  private let session = AWSCredentials(
    accessKeyID: "ASIAEXAMPLE00000KEY1", secretAccessKey: "sEcReT/value+1", sessionToken: "tOkEn/part+2==",
    expiresAt: evening)

  /// Path, query and host of a URL.
  private func parts(_ url: String) throws -> (host: String, target: String) {
    let rest = try #require(url.firstRange(of: "://").map { url[$0.upperBound...] })
    let slash = try #require(rest.firstIndex(of: "/"))
    return (String(rest[..<slash]), String(rest[slash...]))
  }

  @Test(
    "what is signed is verified, whatever the key",
    arguments: ["a b+c", "ü/../x//y", "%41", "a?b#c", "*'()!"])
  func roundTrip(key: String) throws {
    for credentials in [example, session] {
      let signer = S3Signer(credentials, for: address)
      let url = signer.presign(
        key: Array(key.utf8), at: evening, life: 60, extra: [QueryItem("response-content-type", "video/mp4")])
      let (host, target) = try parts(url.text)
      let claims = try SignatureClaims(method: "GET", target: target, headers: [("host", host)])
      #expect(claims.expectedSignature(secret: credentials.secretAccessKey) == claims.signature)
      #expect(claims.expectedSignature(secret: "another") != claims.signature)
      #expect(claims.request.path == Array("/\(key)".utf8))
      #expect(claims.accessKeyID == credentials.accessKeyID && claims.scope.region == "us-west-2")
      #expect(claims.sessionToken == credentials.sessionToken)
      let head = try SignatureClaims(method: "HEAD", target: target, headers: [("host", host)])
      #expect(head.expectedSignature(secret: credentials.secretAccessKey) != head.signature)

      let request = signer.sign(
        "GET", key: Array(key.utf8), query: [QueryItem("prefix", key)], at: evening,
        extra: [("x-amz-request-payer", "requester")])
      let signed = try SignatureClaims(
        method: "GET", target: try parts(request.url).target, headers: request.headers)
      #expect(signed.expectedSignature(secret: credentials.secretAccessKey) == signed.signature)
      #expect(signed.life == nil && signed.sessionToken == credentials.sessionToken)
      #expect(request.headers.first { $0.name == "host" }?.value == host)
    }
  }

  @Test("every byte of a key is encoded once, and comes back")
  func bytes() {
    let all = (UInt8.min...UInt8.max).map { $0 }
    for encoded in [PercentEncoding.path(all), PercentEncoding.query(all)] {
      #expect(PercentEncoding.decode(encoded.utf8) == all)
    }
    #expect(PercentEncoding.path("a/b~c d+é".utf8) == "a/b~c%20d%2B%C3%A9")
    #expect(PercentEncoding.query("a/b".utf8) == "a%2Fb")
    #expect(PercentEncoding.decode("a+b%2Bc%20d".utf8, isForm: true) == Array("a b+c d".utf8))
    #expect(PercentEncoding.decode("a+b".utf8) == Array("a+b".utf8))
    for broken in ["%", "%4", "%zz", "a%4"] { #expect(PercentEncoding.decode(broken.utf8) == nil) }
    // The same letter as one and as two code points: two keys.
    #expect(PercentEncoding.path("\u{e9}".utf8) != PercentEncoding.path("e\u{301}".utf8))
  }

  @Test("a URL lives a whole second at least and 7 days at most, from the second it was signed in")
  func life() {
    let signer = S3Signer(example, for: address)
    let moment = evening + .milliseconds(999)
    #expect(signer.presign(key: [97], at: moment, life: 0).expiresAt == evening + .seconds(1))
    #expect(signer.presign(key: [97], at: moment, life: 9_999_999).expiresAt == evening + .seconds(604_800))
    #expect(signer.presign(key: [97], at: moment, life: 60).text.contains("X-Amz-Date=20261126T220000Z"))
  }

  @Test(
    "where a bucket is",
    arguments: [
      ("media-west", "us-west-2", nil, "https", "media-west.s3.us-west-2.amazonaws.com", "/k"),
      ("media.west", "us-west-2", nil, "https", "s3.us-west-2.amazonaws.com", "/media.west/k"),
      ("Media_West", "us-east-1", nil, "https", "s3.us-east-1.amazonaws.com", "/Media_West/k"),
      ("media", "cn-north-1", nil, "https", "media.s3.cn-north-1.amazonaws.com.cn", "/k"),
      ("media", "us-west-2", "http://127.0.0.1:9000", "http", "127.0.0.1:9000", "/media/k"),
      ("media", "auto", "https://s3.example.org:443/", "https", "s3.example.org", "/media/k"),
      ("media", "auto", "https://x.example/storage/v1/s3", "https", "x.example", "/storage/v1/s3/media/k"),
    ] as [(String, String, String?, String, String, String)])
  func addresses(
    bucket: String, region: String, endpoint: String?, scheme: String, host: String, path: String
  ) throws {
    let endpoint = try endpoint.map { S3Endpoint(try WebAddress($0)) }
    let address = S3Address(bucket: bucket, region: region, endpoint: endpoint)
    #expect((address.scheme, address.host) == (scheme, host))
    #expect(address.path(of: [UInt8(ascii: "k")]) == Array(path.utf8))
  }

  @Test("the bucket itself, by its path and by its host")
  func bucketItself() {
    #expect(address.path(of: nil) == Array("/".utf8))
    let path = S3Address(bucket: "media-west", region: "us-east-1", usesPath: true)
    #expect(path.host == "s3.us-east-1.amazonaws.com" && path.path(of: nil) == Array("/media-west".utf8))
  }

  @Test("bucket and key of an object")
  func locations() {
    #expect(
      S3Location("s3://media-west/a//b/ü.mp4")
        == S3Location(bucket: "media-west", key: Array("a//b/ü.mp4".utf8)))
    #expect(S3Location("s3://b//k")?.key == Array("/k".utf8))
    for text in ["", "s3://", "s3://b", "s3://b/", "s3:///k", "S3://b/k", "https://b/k"] {
      #expect(S3Location(ObjectName(text)) == nil)
    }
  }

  @Test("nothing that prints credentials or a URL shows a secret")
  func nothingSecret() {
    let url = S3Signer(session, for: address).presign(key: [97], at: evening, life: 60)
    var text = "\(session) \(String(reflecting: session)) \(url) \(String(reflecting: url))"
    dump(session, to: &text)
    dump(url, to: &text)
    dump([session], to: &text)
    for secret in [session.secretAccessKey, "tOkEn", "X-Amz-Signature", session.accessKeyID] {
      #expect(!text.contains(secret), "\(secret)")
    }
    #expect(text.contains("KEY1") && text.contains("amazonaws.com/a?[removed]"))
  }

  @Test("what is not signed, or not whole, is refused with the part that is missing")
  func refusals() {
    func refusal(_ target: String, _ headers: [(String, String)] = [("host", "h")]) -> SignatureClaims
      .Refusal?
    {
      #expect(throws: SignatureClaims.Refusal.self) {
        try SignatureClaims(method: "GET", target: target, headers: headers)
      }
    }
    #expect(refusal("/k") == .unsigned)
    #expect(refusal("/%zz") == .malformed("path"))
    let query =
      "/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host"
      + "&X-Amz-Credential=A%2F20261126%2Fr%2Fs3%2Faws4_request&X-Amz-Date=20261126T220000Z"
    #expect(refusal(query) == .malformed("X-Amz-Expires"))
    #expect(refusal(query + "&X-Amz-Expires=604801&X-Amz-Signature=0") == .malformed("X-Amz-Expires"))
    #expect(refusal(query + "&X-Amz-Expires=1") == .malformed("X-Amz-Signature"))
    #expect(refusal(query + "&X-Amz-Expires=1&X-Amz-Signature=0", []) == .malformed("signed header host"))
    #expect(refusal("/k", [("Authorization", "Basic x")]) == .malformed("Authorization"))
  }
}
